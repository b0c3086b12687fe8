#include "engine/client/activation_scaling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "engine/files/dequantise.h"
#include "engine/files/quantise.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kSampledRows = 32;
constexpr int kSteps = 10;

// A matrix in the file, and the type that it will get.
struct Matrix {
    const Tensor* tensor = nullptr;
    DataType type = DataType::kF32;
};

// The square root of the largest times the smallest is 1.
std::vector<float> scales_for(const InputColumns& inputs, float exponent) {
    std::vector<float> scales;
    for (const float magnitude : inputs.mean_magnitude) {
        scales.push_back(std::pow(std::max(magnitude, 1e-5F), exponent));
    }
    const auto [least, greatest] = std::ranges::minmax(scales);
    const float middle = std::sqrt(least * greatest);
    for (float& scale : scales) {
        scale = std::clamp(scale / middle, 1e-2F, 1e2F);
    }
    return scales;
}

// The error of sampled rows, weighed by the inputs.
double error_of(const Matrix& matrix, std::span<const float> scales, std::span<const float> squares) {
    const std::int64_t columns = std::ssize(scales);
    const std::int64_t rows = matrix.tensor->elements() / columns;
    const std::int64_t step = std::max<std::int64_t>(1, rows / kSampledRows);
    const std::int64_t row_bytes = bytes_of(matrix.tensor->type, columns);
    std::vector<float> numbers(scales.size());
    std::vector<float> scaled(scales.size());
    std::vector<float> importance(scales.size());
    std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(matrix.type, columns)));
    for (std::size_t i = 0; i < scales.size(); ++i) {
        importance[i] = std::max(squares[i], 1e-12F) / (scales[i] * scales[i]);
    }
    double error = 0;
    for (std::int64_t row = 0; row < rows; row += step) {
        dequantise(
            matrix.tensor->type, matrix.tensor->bytes.data() + row * row_bytes, columns, numbers.data()
        );
        for (std::size_t i = 0; i < scales.size(); ++i) {
            scaled[i] = numbers[i] * scales[i];
        }
        quantise(matrix.type, scaled.data(), columns, importance.data(), blocks.data());
        std::vector<float>& back = numbers;
        dequantise(matrix.type, blocks.data(), columns, back.data());
        for (std::size_t i = 0; i < scales.size(); ++i) {
            const double missing = double{back[i]} - scaled[i];
            error += importance[i] * missing * missing;
        }
    }
    return error;
}

std::vector<float> best_scales(std::span<const Matrix> matrices, const InputColumns& inputs) {
    std::vector<float> best;
    double best_error = std::numeric_limits<double>::infinity();
    for (int step = 0; step < kSteps; ++step) {
        std::vector<float> scales = scales_for(inputs, 0.1F * static_cast<float>(step));
        double error = 0;
        for (const Matrix& matrix : matrices) {
            error += error_of(matrix, scales, inputs.mean_square);
        }
        if (error < best_error) {
            best_error = error;
            best = std::move(scales);
        }
    }
    return best;
}

class Search {
public:
    Search(
        const GgufFile& file,
        const std::vector<GgufTensorPlan>& plan,
        const std::map<std::string, InputColumns>& inputs
    )
        : file_(file), inputs_(inputs) {
        for (const GgufTensorPlan& tensor : plan) {
            types_.emplace(tensor.name, tensor.type);
        }
    }

    // `source` makes the inputs of `names`: a norm's weight, or a matrix with a row for each.
    void scale(std::int64_t layer, std::string_view source, std::span<const std::string_view> names) {
        const std::string source_name = fmt::format("blk.{}.{}.weight", layer, source);
        const Tensor* made_by = file_.find_tensor(source_name);
        const bool has_bias = file_.find_tensor(fmt::format("blk.{}.{}.bias", layer, source)) != nullptr;
        std::vector<Matrix> matrices;
        const InputColumns* inputs = nullptr;
        for (const std::string_view name : names) {
            const std::string full = fmt::format("blk.{}.{}.weight", layer, name);
            const Tensor* tensor = file_.find_tensor(full);
            const auto found = inputs_.find(full);
            if (tensor == nullptr || found == inputs_.end() || tensor->shape.size() != 2) {
                return;
            }
            matrices.push_back({.tensor = tensor, .type = types_.at(full)});
            inputs = &found->second;
        }
        const std::int64_t columns = std::ssize(inputs->mean_square);
        const bool fits = made_by != nullptr && !has_bias && made_by->shape.front() == columns &&
                          std::ranges::all_of(matrices, [&](const Matrix& matrix) {
                              return matrix.tensor->shape.back() == columns;
                          });
        if (!fits) {
            return;
        }
        const std::vector<float> scales = best_scales(matrices, *inputs);
        scaling_.rows.emplace(source_name, scales);
        for (const Matrix& matrix : matrices) {
            scaling_.columns.emplace(matrix.tensor->name, scales);
        }
    }

    WeightScaling take() { return std::move(scaling_); }

private:
    const GgufFile& file_;
    const std::map<std::string, InputColumns>& inputs_;
    std::map<std::string, DataType> types_;
    WeightScaling scaling_;
};

}  // namespace

WeightScaling find_scaling(
    const GgufFile& file,
    const std::vector<GgufTensorPlan>& plan,
    const std::map<std::string, InputColumns>& inputs
) {
    constexpr std::string_view kAttention[] = {"attn_q", "attn_k", "attn_v"};
    constexpr std::string_view kMlp[] = {"ffn_gate", "ffn_up"};
    constexpr std::string_view kDown[] = {"ffn_down"};
    const std::string architecture = file.string_or("general.architecture", "");
    const std::int64_t layers = file.int_or(fmt::format("{}.block_count", architecture), 0);
    Search search(file, plan, inputs);
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        search.scale(layer, "attn_norm", kAttention);
        search.scale(layer, "ffn_norm", kMlp);
        // Without a gate, an activation stands between.
        if (file.find_tensor(fmt::format("blk.{}.ffn_gate.weight", layer)) != nullptr) {
            search.scale(layer, "ffn_up", kDown);
        }
    }
    return search.take();
}

}  // namespace capstan::engine
