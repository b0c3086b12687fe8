#include "engine/client/quantise_model.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "engine/files/dequantise.h"
#include "engine/files/gguf.h"
#include "engine/files/gguf_writer.h"
#include "engine/files/quantise.h"
#include "engine/kernels/thread_team.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kElementsAtOnce = std::int64_t{1} << 22;

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
        if (std::ranges::find(kReplaced, key) == std::end(kReplaced)) {
            metadata.copy(key, value);
        }
    }
    metadata.add("general.file_type", file_type_of(mixture));
    metadata.add("general.quantization_version", 2U);
    return metadata;
}

class Converter {
public:
    Converter(GgufWriter& writer, const QuantiseModel& command)
        : writer_(writer), command_(command), team_(command.threads) {}

    Result<void> convert(const Tensor& tensor, DataType type) {
        if (tensor.type == type) {
            return writer_.write(tensor.bytes);
        }
        const std::int64_t columns = tensor.shape.back();
        const std::int64_t rows = tensor.elements() / columns;
        const auto found = command_.importance.find(tensor.name);
        const bool is_weighed = found != command_.importance.end() && std::ssize(found->second) == columns;
        const float* importance = is_weighed ? found->second.data() : nullptr;
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
                    const std::byte* stored = tensor.bytes.data() + (first + row) * source_row;
                    dequantise(tensor.type, stored, columns, numbers);
                    quantise(type, numbers, columns, importance, blocks_.data() + row * row_bytes);
                }
            });
            if (auto good = writer_.write(blocks_); !good) {
                return good;
            }
        }
        return {};
    }

private:
    GgufWriter& writer_;
    const QuantiseModel& command_;
    ThreadTeam team_;
    std::vector<float> numbers_;
    std::vector<std::byte> blocks_;
};

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
    Converter converter(*writer, command);
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
