#include "engine/client/quantise_model.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/client/activation_scaling.h"
#include "engine/client/gptq_model.h"
#include "engine/files/dequantise.h"
#include "engine/files/gguf.h"
#include "engine/files/gguf_writer.h"
#include "engine/files/quantise.h"
#include "engine/kernels/thread_team.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kElementsAtOnce = std::int64_t{1} << 22;
constexpr float kLeastImportance = 1e-12F;  // A block whose inputs were all zero is rounded as any other.

std::int64_t layer_of(std::string_view name) {
    std::int64_t layer = 0;
    if (name.starts_with("blk.")) {
        std::from_chars(name.data() + 4, name.data() + name.size(), layer);
    }
    return layer;
}

// What is added or looked up, not multiplied, and what chooses experts.
bool is_kept(const Tensor& tensor) {
    constexpr std::string_view kNames[] = {"position_embd.weight", "token_types.weight"};
    return tensor.shape.size() < 2 || !tensor.name.ends_with(".weight") ||
           tensor.name.find("ffn_gate_inp") != std::string::npos ||
           std::ranges::find(kNames, tensor.name) != std::end(kNames);
}

// In the order of the source's data.
std::vector<const Tensor*> tensors_of(const GgufFile& file) {
    std::vector<const Tensor*> tensors;
    for (const auto& [name, tensor] : file.tensors()) {
        tensors.push_back(&tensor);
    }
    std::ranges::sort(tensors, {}, [](const Tensor* tensor) { return tensor->bytes.data(); });
    return tensors;
}

std::vector<GgufTensorPlan> plan_of(
    const GgufFile& file, std::span<const Tensor* const> tensors, Mixture mixture
) {
    const std::string architecture = file.string_or("general.architecture", "");
    const std::int64_t layers = file.int_or(fmt::format("{}.block_count", architecture), 0);
    const bool is_tied = file.find_tensor("output.weight") == nullptr;
    std::vector<GgufTensorPlan> plan;
    for (const Tensor* tensor : tensors) {
        DataType type = tensor->type;
        if (!is_kept(*tensor)) {
            type = type_in(
                mixture,
                {.name = tensor->name,
                 .dimensions = std::ssize(tensor->shape),
                 .columns = tensor->shape.back(),
                 .layer = layer_of(tensor->name),
                 .layers = layers,
                 .is_tied = is_tied}
            );
        }
        plan.push_back({.name = tensor->name, .type = type, .shape = tensor->shape});
    }
    return plan;
}

GgufMetadata metadata_of(const GgufFile& file, Mixture mixture) {
    constexpr std::string_view kReplaced[] = {
        "general.file_type", "general.quantization_version", "general.alignment"
    };
    GgufMetadata metadata;
    for (const auto& [key, value] : file.metadata()) {
        if (std::ranges::find(kReplaced, key) == std::end(kReplaced) && !key.starts_with("split.")) {
            metadata.copy(key, value);
        }
    }
    metadata.add("general.file_type", file_type_of(mixture));
    metadata.add("general.quantization_version", 2U);
    return metadata;
}

const std::vector<float>* find_in(
    const std::map<std::string, std::vector<float>>& all, const std::string& name
) {
    const auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second;
}

class Converter {
public:
    using Blocks = std::map<std::string, std::vector<std::byte>>;

    Converter(GgufWriter& writer, const QuantiseModel& command, WeightScaling scaling, Blocks rounded)
        : writer_(writer),
          command_(command),
          scaling_(std::move(scaling)),
          rounded_(std::move(rounded)),
          team_(command.threads) {}

    Result<void> convert(const Tensor& tensor, DataType type) {
        if (const auto rounded = rounded_.find(tensor.name); rounded != rounded_.end()) {
            return writer_.write(rounded->second);
        }
        const std::vector<float>* column_scales = find_in(scaling_.columns, tensor.name);
        const std::vector<float>* row_scales = find_in(scaling_.rows, tensor.name);
        if (tensor.type == type && column_scales == nullptr && row_scales == nullptr) {
            return writer_.write(tensor.bytes);
        }
        // A vector is a column of rows.
        const std::int64_t columns = tensor.shape.size() == 1 ? 1 : tensor.shape.back();
        const std::vector<float> importance = importance_of(tensor.name, columns, column_scales);
        const std::int64_t rows = tensor.elements() / columns;
        const std::int64_t rows_at_once = std::max<std::int64_t>(1, kElementsAtOnce / columns);
        const std::int64_t source_row = bytes_of(tensor.type, columns);
        const std::int64_t row_bytes = bytes_of(type, columns);
        for (std::int64_t first = 0; first < rows; first += rows_at_once) {
            const std::int64_t count = std::min(rows_at_once, rows - first);
            numbers_.resize(static_cast<std::size_t>(count * columns));
            blocks_.resize(static_cast<std::size_t>(count * row_bytes));
            team_.run(count, 1, [&](int, std::int64_t begin, std::int64_t end) {
                for (std::int64_t row = begin; row < end; ++row) {
                    float* numbers = numbers_.data() + row * columns;
                    dequantise(
                        tensor.type, tensor.bytes.data() + (first + row) * source_row, columns, numbers
                    );
                    if (row_scales != nullptr) {
                        divide(numbers, columns, (*row_scales)[static_cast<std::size_t>(first + row)]);
                    }
                    if (column_scales != nullptr) {
                        multiply(numbers, *column_scales);
                    }
                    const float* weights = importance.empty() ? nullptr : importance.data();
                    quantise(type, numbers, columns, weights, blocks_.data() + row * row_bytes);
                }
            });
            if (auto good = writer_.write(blocks_); !good) {
                return good;
            }
        }
        return {};
    }

private:
    static void divide(float* numbers, std::int64_t count, float scale) {
        for (std::int64_t i = 0; i < count; ++i) {
            numbers[i] /= scale;
        }
    }

    static void multiply(float* numbers, const std::vector<float>& scales) {
        for (std::size_t i = 0; i < scales.size(); ++i) {
            numbers[i] *= scales[i];
        }
    }

    // Of scaled columns: their inputs are divided by the scale. Empty without calibration.
    std::vector<float> importance_of(
        const std::string& name, std::int64_t columns, const std::vector<float>* column_scales
    ) const {
        const auto found = command_.inputs.find(name);
        if (found == command_.inputs.end() || std::ssize(found->second.mean_square) != columns) {
            return {};
        }
        std::vector<float> importance = found->second.mean_square;
        for (std::size_t i = 0; i < importance.size(); ++i) {
            const float scale = column_scales == nullptr ? 1 : (*column_scales)[i];
            importance[i] = std::max(importance[i], kLeastImportance) / (scale * scale);
        }
        return importance;
    }

    GgufWriter& writer_;
    const QuantiseModel& command_;
    WeightScaling scaling_;
    Blocks rounded_;
    ThreadTeam team_;
    std::vector<float> numbers_;
    std::vector<std::byte> blocks_;
};

std::function<DataType(const Tensor&)> type_in_plan(std::span<const GgufTensorPlan> plan) {
    std::map<std::string, DataType> types;
    for (const GgufTensorPlan& tensor : plan) {
        types.emplace(tensor.name, tensor.type);
    }
    return [types = std::move(types)](const Tensor& tensor) { return types.at(tensor.name); };
}

// Empty without GPTQ.
Result<std::map<std::string, std::vector<std::byte>>> rounded_by_gptq(
    const QuantiseModel& command, std::span<const GgufTensorPlan> plan
) {
    if (!command.gptq) {
        return std::map<std::string, std::vector<std::byte>>();
    }
    GptqModel gptq = {.calibration = *command.gptq, .type_of = type_in_plan(plan)};
    gptq.calibration.model = command.source;
    gptq.calibration.threads = command.threads;
    return gptq_blocks(gptq);
}

}  // namespace

Result<QuantisedModel> quantise_model(const QuantiseModel& command) {
    std::error_code ignored;
    if (std::filesystem::equivalent(command.source, command.out, ignored)) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}' is the source itself", command.out.string())};
    }
    const auto file = GgufFile::open(command.source);
    if (!file) {
        return file.error();
    }
    const std::vector<const Tensor*> tensors = tensors_of(*file);
    const std::vector<GgufTensorPlan> plan = plan_of(*file, tensors, command.mixture);
    auto writer = GgufWriter::open(command.out, metadata_of(*file, command.mixture), plan);
    if (!writer) {
        return writer.error();
    }
    QuantisedModel result = {.tensors = std::ssize(tensors)};
    for (const Tensor* tensor : tensors) {
        result.source_bytes += std::ssize(tensor->bytes);
    }
    WeightScaling scaling;
    if (!command.inputs.empty()) {
        const ScalingSearch search = {
            .find = [&](const std::string& name) { return file->find_tensor(name); },
            .type_of = type_in_plan(plan),
            .inputs = command.inputs
        };
        scaling = find_scaling(search, scaled_groups_of(*file));
    }
    result.scaled_tensors = std::ssize(scaling.columns);
    auto rounded = rounded_by_gptq(command, plan);
    if (!rounded) {
        return rounded.error();
    }
    result.gptq_tensors = std::ssize(*rounded);
    Converter converter(*writer, command, std::move(scaling), std::move(*rounded));
    std::int64_t done = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (auto good = converter.convert(*tensors[i], plan[i].type); !good) {
            return good.error();
        }
        result.bytes += bytes_of(plan[i].type, plan[i].elements());
        result.quantised_tensors += plan[i].type == tensors[i]->type ? 0 : 1;
        done += std::ssize(tensors[i]->bytes);
        if (command.on_progress) {
            command.on_progress(static_cast<double>(done) / static_cast<double>(result.source_bytes));
        }
    }
    if (auto good = writer->finish(); !good) {
        return good.error();
    }
    return result;
}

}  // namespace capstan::engine
