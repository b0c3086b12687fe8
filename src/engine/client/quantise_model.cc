#include "engine/client/quantise_model.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/client/activation_scaling.h"
#include "engine/client/gguf_draft.h"
#include "engine/client/gptq_model.h"
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
bool is_kept(const GgufSource& tensor) {
    constexpr std::string_view kNames[] = {"position_embd.weight", "token_types.weight"};
    return tensor.shape.size() < 2 || !tensor.name.ends_with(".weight") ||
           tensor.name.find("ffn_gate_inp") != std::string::npos ||
           std::ranges::find(kNames, tensor.name) != std::end(kNames);
}

std::vector<GgufTensorPlan> plan_of(const GgufDraft& draft, std::optional<Mixture> mixture) {
    const bool is_tied =
        std::ranges::find(draft.tensors(), "output.weight", &GgufSource::name) == draft.tensors().end();
    std::vector<GgufTensorPlan> plan;
    for (const GgufSource& tensor : draft.tensors()) {
        DataType type = tensor.type();
        if (is_kept(tensor)) {
            type = draft.is_of_folder() ? DataType::kF32 : type;
        } else if (mixture) {
            type = type_in(
                *mixture,
                {.name = tensor.name,
                 .dimensions = std::ssize(tensor.shape),
                 .columns = tensor.shape.back(),
                 .layer = layer_of(tensor.name),
                 .layers = draft.layers(),
                 .is_tied = is_tied}
            );
        }
        plan.push_back({.name = tensor.name, .type = type, .shape = tensor.shape});
    }
    return plan;
}

// The type of most weights.
DataType most_common_type(std::span<const GgufTensorPlan> plan) {
    std::map<DataType, std::int64_t> elements;
    for (const GgufTensorPlan& tensor : plan) {
        elements[tensor.type] += tensor.elements();
    }
    const auto most = std::ranges::max_element(elements, {}, [](const auto& item) { return item.second; });
    return most == elements.end() ? DataType::kF32 : most->first;
}

GgufMetadata metadata_of(
    const GgufDraft& draft, std::optional<Mixture> mixture, std::span<const GgufTensorPlan> plan
) {
    GgufMetadata metadata = draft.metadata();
    const auto type = mixture ? std::optional(file_type_of(*mixture)) : file_type_of(most_common_type(plan));
    if (type) {
        metadata.add("general.file_type", *type);
    }
    metadata.add("general.quantization_version", 2U);
    return metadata;
}

const std::vector<float>* find_in(
    const std::map<std::string, std::vector<float>>& all, const std::string& name
) {
    const auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second;
}

// By the name of a tensor in the model's files.
using Blocks = std::map<std::string, std::vector<std::byte>>;

class Converter {
public:
    Converter(GgufWriter& writer, const QuantiseModel& command, WeightScaling scaling, Blocks rounded)
        : writer_(writer),
          command_(command),
          scaling_(std::move(scaling)),
          rounded_(std::move(rounded)),
          team_(command.threads) {}

    Result<void> convert(const GgufSource& tensor, DataType type) {
        if (const auto rounded = rounded_.find(tensor.parts.front()->name); rounded != rounded_.end()) {
            return write_rows(tensor, rounded->second, bytes_of(type, tensor.columns()));
        }
        const bool is_scaled = scaling_.columns.contains(tensor.name) || scaling_.rows.contains(tensor.name);
        if (tensor.type() == type && !is_scaled && tensor.offset == 0 && !tensor.is_transposed) {
            return copy(tensor, bytes_of(type, tensor.columns()));
        }
        return round(tensor, type);
    }

private:
    // Of one tensor; null for none.
    struct Scales {
        const std::vector<float>* columns = nullptr;
        const std::vector<float>* rows = nullptr;
    };

    Result<void> copy(const GgufSource& tensor, std::int64_t row_bytes) {
        for (const Tensor* part : tensor.parts) {
            auto good = tensor.is_as_stored() ? writer_.write(part->bytes)
                                              : write_rows(tensor, part->bytes, row_bytes);
            if (!good) {
                return good;
            }
        }
        return {};
    }

    // Rows in the order of the model's files, put into that of GGUF.
    Result<void> write_rows(
        const GgufSource& tensor, std::span<const std::byte> rows, std::int64_t row_bytes
    ) {
        for (std::int64_t row = 0; row < tensor.rows(); ++row) {
            const auto from = static_cast<std::size_t>(tensor.part_row(row) * row_bytes);
            if (auto good = writer_.write(rows.subspan(from, static_cast<std::size_t>(row_bytes))); !good) {
                return good;
            }
        }
        return {};
    }

    Result<void> round(const GgufSource& tensor, DataType type) {
        const Scales scales = {
            .columns = find_in(scaling_.columns, tensor.name), .rows = find_in(scaling_.rows, tensor.name)
        };
        const std::int64_t columns = tensor.columns();
        const std::vector<float> importance = importance_of(tensor, scales.columns);
        const float* weights = importance.empty() ? nullptr : importance.data();
        const std::int64_t rows_at_once = std::max<std::int64_t>(1, kElementsAtOnce / columns);
        const std::int64_t row_bytes = bytes_of(type, columns);
        for (std::int64_t first = 0; first < tensor.rows(); first += rows_at_once) {
            const std::int64_t count = std::min(rows_at_once, tensor.rows() - first);
            numbers_.resize(static_cast<std::size_t>(count * columns));
            blocks_.resize(static_cast<std::size_t>(count * row_bytes));
            team_.run(count, 1, [&](int, std::int64_t begin, std::int64_t end) {
                for (std::int64_t row = begin; row < end; ++row) {
                    float* numbers = numbers_.data() + row * columns;
                    read_scaled(tensor, scales, first + row, numbers);
                    quantise(type, numbers, columns, weights, blocks_.data() + row * row_bytes);
                }
            });
            if (auto good = writer_.write(blocks_); !good) {
                return good;
            }
        }
        return {};
    }

    static void read_scaled(
        const GgufSource& tensor, const Scales& scales, std::int64_t row, float* numbers
    ) {
        tensor.read_row(row, numbers);
        if (scales.rows != nullptr) {
            divide(numbers, tensor.columns(), (*scales.rows)[static_cast<std::size_t>(row)]);
        }
        if (scales.columns != nullptr) {
            multiply(numbers, *scales.columns);
        }
    }

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
    std::vector<float> importance_of(const GgufSource& tensor, const std::vector<float>* column_scales)
        const {
        const auto found = command_.inputs.find(tensor.parts.front()->name);
        if (found == command_.inputs.end() || std::ssize(found->second.mean_square) != tensor.columns()) {
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

// Of tensors under GGUF's names.
WeightScaling scaling_for(
    const QuantiseModel& command, const GgufDraft& draft, std::span<const GgufTensorPlan> plan
) {
    if (command.inputs.empty()) {
        return {};
    }
    std::map<std::string, DataType> types;
    std::map<std::string, InputColumns> inputs;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        types.emplace(plan[i].name, plan[i].type);
        const auto seen = command.inputs.find(draft.tensors()[i].parts.front()->name);
        if (seen != command.inputs.end()) {
            inputs.emplace(plan[i].name, seen->second);
        }
    }
    const ScalingSearch search = {
        .find = [&](const std::string& name) { return draft.find(name); },
        .type_of = [&](const Tensor& tensor) { return types.at(tensor.name); },
        .inputs = inputs
    };
    return find_scaling(search, scaled_groups_of(draft.layers(), search));
}

// Empty without GPTQ.
Result<Blocks> rounded_by_gptq(
    const QuantiseModel& command, const GgufDraft& draft, std::span<const GgufTensorPlan> plan
) {
    if (!command.gptq) {
        return Blocks();
    }
    std::map<std::string, DataType> types;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        const GgufSource& tensor = draft.tensors()[i];
        if (tensor.is_transposed) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "tensor '{}' lies the other way in a GGUF file: make one of type f16 first, and round "
                    "that "
                    "by gptq",
                    tensor.parts.front()->name
                )
            };
        }
        types.emplace(tensor.parts.front()->name, plan[i].type);
    }
    GptqModel gptq = {.calibration = *command.gptq, .type_of = [&](const Tensor& tensor) {
                          const auto type = types.find(tensor.name);
                          return type == types.end() ? tensor.type : type->second;
                      }};
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
    const auto draft = GgufDraft::of(command.source);
    if (!draft) {
        return draft.error();
    }
    const std::vector<GgufTensorPlan> plan = plan_of(*draft, command.mixture);
    auto writer = GgufWriter::open(command.out, metadata_of(*draft, command.mixture, plan), plan);
    if (!writer) {
        return writer.error();
    }
    QuantisedModel result = {.tensors = std::ssize(plan)};
    for (const GgufSource& tensor : draft->tensors()) {
        result.source_bytes += bytes_of(tensor.type(), tensor.rows() * tensor.columns());
    }
    WeightScaling scaling = scaling_for(command, *draft, plan);
    result.scaled_tensors = std::ssize(scaling.columns);
    auto rounded = rounded_by_gptq(command, *draft, plan);
    if (!rounded) {
        return rounded.error();
    }
    result.gptq_tensors = std::ssize(*rounded);
    Converter converter(*writer, command, std::move(scaling), std::move(*rounded));
    std::int64_t done = 0;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        const GgufSource& tensor = draft->tensors()[i];
        if (auto good = converter.convert(tensor, plan[i].type); !good) {
            return good.error();
        }
        result.bytes += bytes_of(plan[i].type, plan[i].elements());
        result.quantised_tensors += plan[i].type == tensor.type() ? 0 : 1;
        done += bytes_of(tensor.type(), plan[i].elements());
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
