#include "engine/client/activation_scaling.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "engine/files/dequantise.h"
#include "engine/files/quantise.h"
#include "engine/model/projection.h"

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

void add_scales(const ScalingSearch& search, const ScaledGroup& group, WeightScaling& scaling) {
    const Tensor* made_by = search.find(group.source);
    std::vector<Matrix> matrices;
    const InputColumns* inputs = nullptr;
    for (const std::string& name : group.matrices) {
        const Tensor* tensor = search.find(name);
        const auto found = search.inputs.find(name);
        if (tensor == nullptr || found == search.inputs.end() || tensor->shape.size() != 2) {
            return;
        }
        matrices.push_back({.tensor = tensor, .type = search.type_of(*tensor)});
        inputs = &found->second;
    }
    if (inputs == nullptr) {
        return;
    }
    const std::int64_t columns = std::ssize(inputs->mean_square);
    const bool fits = made_by != nullptr && search.find(group.bias) == nullptr && !made_by->shape.empty() &&
                      made_by->shape.front() == columns &&
                      std::ranges::all_of(matrices, [&](const Matrix& matrix) {
                          return matrix.tensor->shape.back() == columns;
                      });
    if (!fits) {
        return;
    }
    const std::vector<float> scales = best_scales(matrices, *inputs);
    scaling.rows.emplace(group.source, scales);
    scaling.offsets.emplace(group.source, group.source_offset);
    for (const Matrix& matrix : matrices) {
        scaling.columns.emplace(matrix.tensor->name, scales);
    }
}

ScaledGroup gguf_group(
    std::int64_t layer, std::string_view source, std::initializer_list<std::string_view> matrices
) {
    ScaledGroup group = {
        .source = fmt::format("blk.{}.{}.weight", layer, source),
        .bias = fmt::format("blk.{}.{}.bias", layer, source)
    };
    for (const std::string_view matrix : matrices) {
        group.matrices.push_back(fmt::format("blk.{}.{}.weight", layer, matrix));
    }
    return group;
}

}  // namespace

std::vector<ScaledGroup> scaled_groups_of(std::int64_t layers, const ScalingSearch& search) {
    std::vector<ScaledGroup> groups;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        groups.push_back(gguf_group(layer, "attn_norm", {"attn_q", "attn_k", "attn_v"}));
        groups.push_back(gguf_group(layer, "ffn_norm", {"ffn_gate", "ffn_up"}));
        // Without a gate, an activation stands between.
        if (search.find(fmt::format("blk.{}.ffn_gate.weight", layer)) != nullptr) {
            groups.push_back(gguf_group(layer, "ffn_up", {"ffn_down"}));
        }
    }
    return groups;
}

std::vector<ScaledGroup> scaled_groups_of(const ModelConfig& config) {
    const TensorNames& names = *config.names;
    std::vector<ScaledGroup> groups;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const auto add = [&](const std::string& source, bool is_norm, std::initializer_list<Projection> all) {
            ScaledGroup group = {
                .source = source + ".weight",
                .bias = source + ".bias",
                .source_offset = is_norm && config.norm == NormKind::kRmsOffset ? 1.0F : 0.0F
            };
            for (const Projection projection : all) {
                const std::string name = module_of(projection, config, layer).module + ".weight";
                if (std::ranges::find(group.matrices, name) == group.matrices.end()) {
                    group.matrices.push_back(name);
                }
            }
            groups.push_back(std::move(group));
        };
        const std::string prefix = layer_prefix(config, layer);
        const std::string before_attention = prefix + std::string(names.attention_norm);
        add(before_attention, true, {Projection::kQuery, Projection::kKey, Projection::kValue});
        if (!config.is_gated || config.plan(layer).has_experts) {
            continue;
        }
        add(prefix + std::string(names.mlp_norm), true, {Projection::kGate, Projection::kUp});
        if (names.fused_gate_up.empty()) {
            add(module_of(Projection::kUp, config, layer).module, false, {Projection::kDown});
        }
    }
    return groups;
}

WeightScaling find_scaling(const ScalingSearch& search, const std::vector<ScaledGroup>& groups) {
    WeightScaling scaling;
    for (const ScaledGroup& group : groups) {
        add_scales(search, group, scaling);
    }
    return scaling;
}

}  // namespace capstan::engine
