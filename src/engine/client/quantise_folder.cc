#include "engine/client/quantise_folder.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/client/activation_scaling.h"
#include "engine/client/gptq_model.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"
#include "engine/files/quantise.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/config.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kGroup = 32;
constexpr std::uint64_t kConfigBytesMax = 4'000'000;

// Looked up, chosen by, or at the end; and GPT-2's, which lie the other way.
bool is_kept(const Tensor& tensor) {
    constexpr std::string_view kParts[] = {
        "embed",
        "lm_head",
        ".gate.weight",
        "_gate.weight",
        "wte",
        "wpe",
        ".c_",
        "classifier",
        "pooler",
        "norm"
    };
    return !tensor.name.ends_with(".weight") || tensor.shape.size() != 2 || !is_weight_type(tensor.type) ||
           tensor.shape[1] % kGroup != 0 || std::ranges::any_of(kParts, [&](std::string_view part) {
               return tensor.name.find(part) != std::string::npos;
           });
}

DataType type_of_bits(int bits) {
    return bits == 8 ? DataType::kQ8_0 : DataType::kQ4_0;
}

// How the numbers are changed before they are rounded, or what they were rounded to already.
struct Preparation {
    WeightScaling scaling;
    std::map<std::string, std::vector<std::byte>> blocks;  // By GPTQ.
};

const std::vector<float>* find_in(
    const std::map<std::string, std::vector<float>>& all, const std::string& name
) {
    const auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second;
}

// Tensors that will be written, and the memory of those that were made.
class FolderWriter {
public:
    FolderWriter(int bits, int threads, const Preparation& preparation)
        : bits_(bits), team_(threads), preparation_(preparation) {}

    // A vector whose elements are divided: as float32, since most have no bits left.
    void divide(const Tensor& tensor, const std::vector<float>& scales, float offset) {
        std::vector<float> numbers(scales.size());
        dequantise(tensor.type, tensor.bytes.data(), std::ssize(numbers), numbers.data());
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            numbers[i] = (numbers[i] + offset) / scales[i] - offset;
        }
        std::vector<std::byte>& bytes = make(std::ssize(numbers) * std::int64_t{sizeof(float)});
        std::memcpy(bytes.data(), numbers.data(), bytes.size());
        tensors_.push_back(
            {.name = tensor.name, .type = DataType::kF32, .shape = tensor.shape, .bytes = bytes}
        );
    }

    void keep(const Tensor& tensor) {
        tensors_.push_back(
            {.name = tensor.name, .type = tensor.type, .shape = tensor.shape, .bytes = tensor.bytes}
        );
    }

    void quantise_matrix(const Tensor& tensor) {
        const DataType type = type_of_bits(bits_);
        const std::int64_t rows = tensor.shape[0];
        const std::int64_t columns = tensor.shape[1];
        const BlockShape block = block_of(type);
        const std::int64_t code_bytes = block.bytes - 2;
        std::vector<std::byte>& scales = make(rows * columns / kGroup * 2);
        std::vector<std::byte>& codes = make(rows * columns / kGroup * code_bytes);
        team_.run(rows, 1, [&](int, std::int64_t begin, std::int64_t end) {
            std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(type, columns)));
            for (std::int64_t row = begin; row < end; ++row) {
                round_row(tensor, row, blocks);
                for (std::int64_t i = 0; i < columns / kGroup; ++i) {
                    const std::int64_t at = row * columns / kGroup + i;
                    const std::byte* from = blocks.data() + i * block.bytes;
                    std::memcpy(scales.data() + at * 2, from, 2);
                    write_codes(from + 2, codes.data() + at * code_bytes);
                }
            }
        });
        add(tensor.name, rows, columns, codes, scales);
    }

    std::span<const TensorToWrite> tensors() const { return tensors_; }

private:
    void round_row(const Tensor& tensor, std::int64_t row, std::vector<std::byte>& blocks) const {
        const std::int64_t columns = tensor.shape[1];
        if (const auto made = preparation_.blocks.find(tensor.name); made != preparation_.blocks.end()) {
            std::memcpy(blocks.data(), made->second.data() + row * std::ssize(blocks), blocks.size());
            return;
        }
        std::vector<float> numbers(static_cast<std::size_t>(columns));
        const std::byte* stored = tensor.bytes.data() + bytes_of(tensor.type, row * columns);
        dequantise(tensor.type, stored, columns, numbers.data());
        const std::vector<float>* row_scales = find_in(preparation_.scaling.rows, tensor.name);
        const std::vector<float>* column_scales = find_in(preparation_.scaling.columns, tensor.name);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            numbers[i] *= column_scales == nullptr ? 1 : (*column_scales)[i];
            numbers[i] /= row_scales == nullptr ? 1 : (*row_scales)[static_cast<std::size_t>(row)];
        }
        quantise(type_of_bits(bits_), numbers.data(), columns, nullptr, blocks.data());
    }

    std::vector<std::byte>& make(std::int64_t bytes) {
        memory_.push_back(std::make_unique<std::vector<std::byte>>(static_cast<std::size_t>(bytes)));
        return *memory_.back();
    }

    // Four bits: GGUF has the first 16 in low halves; here neighbours share a byte.
    void write_codes(const std::byte* from, std::byte* out) const {
        if (bits_ == 8) {
            std::memcpy(out, from, kGroup);
            return;
        }
        const auto code = [&](std::int64_t i) {
            const int byte = std::to_integer<int>(from[i % 16]);
            return i < 16 ? byte & 0xF : byte >> 4;
        };
        for (std::int64_t i = 0; i < kGroup / 2; ++i) {
            out[i] = static_cast<std::byte>(code(2 * i) | (code(2 * i + 1) << 4));
        }
    }

    void add(
        const std::string& name,
        std::int64_t rows,
        std::int64_t columns,
        const std::vector<std::byte>& codes,
        const std::vector<std::byte>& scales
    ) {
        tensors_.push_back(
            {.name = name + "_scale",
             .type = DataType::kF16,
             .shape = {rows, columns / kGroup},
             .bytes = scales}
        );
        if (bits_ == 8) {
            tensors_.push_back({.name = name, .type = DataType::kI8, .shape = {rows, columns}, .bytes = codes}
            );
            return;
        }
        tensors_.push_back(
            {.name = name + "_packed", .type = DataType::kI32, .shape = {rows, columns / 8}, .bytes = codes}
        );
        std::vector<std::byte>& shape = make(16);
        std::memcpy(shape.data(), &rows, sizeof rows);
        std::memcpy(shape.data() + 8, &columns, sizeof columns);
        tensors_.push_back({.name = name + "_shape", .type = DataType::kI64, .shape = {2}, .bytes = shape});
    }

    int bits_;
    ThreadTeam team_;
    const Preparation& preparation_;
    std::vector<std::unique_ptr<std::vector<std::byte>>> memory_;  // Each stays where it is.
    std::vector<TensorToWrite> tensors_;
};

// As compressed-tensors describes a folder.
Json quantisation_json(int bits, std::span<const std::string> ignored) {
    const Json weights = Json::object(
        {{"num_bits", bits},
         {"type", "int"},
         {"symmetric", true},
         {"strategy", "group"},
         {"group_size", kGroup},
         {"dynamic", false}}
    );
    const Json group = Json::object({{"targets", Json::array({"Linear"})}, {"weights", weights}});
    return Json::object(
        {{"quant_method", "compressed-tensors"},
         {"format", bits == 8 ? "int-quantized" : "pack-quantized"},
         {"quantization_status", "compressed"},
         {"config_groups", Json::object({{"group_0", group}})},
         {"ignore", Json::array_of(ignored)}}
    );
}

Result<void> copy_others(const QuantiseFolder& command) {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(command.source, failed)) {
        const std::string name = entry.path().filename().string();
        const bool is_weights = name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json");
        if (!entry.is_regular_file() || is_weights || name == "config.json") {
            continue;
        }
        std::filesystem::copy_file(entry.path(), command.out / name, failed);
        if (failed) {
            break;
        }
    }
    if (failed) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("'{}' cannot be copied: {}", command.source.string(), failed.message())
        };
    }
    return {};
}

Result<Json> config_of(const QuantiseFolder& command) {
    const auto text = read_file(command.source / "config.json", kConfigBytesMax);
    if (!text) {
        return text.error();
    }
    auto config = parse_json(*text);
    if (!config || !config->is_object()) {
        return Error{ErrorCode::kInvalid, "config.json must be a JSON object"};
    }
    if (!(*config)["quantization_config"].is_null()) {
        return Error{ErrorCode::kInvalid, "the source is quantised already; take what it was made from"};
    }
    return config;
}

Result<Checkpoint> open_source(const QuantiseFolder& command) {
    std::error_code ignored;
    if (std::filesystem::exists(command.out, ignored) && !std::filesystem::is_empty(command.out, ignored)) {
        return Error{ErrorCode::kConflict, fmt::format("'{}' is not empty", command.out.string())};
    }
    auto checkpoint = Checkpoint::open(command.source);
    if (checkpoint && checkpoint->gguf() != nullptr) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'{}' is a GGUF file: its types are those of GGUF files, such as q8_0 and q4_k",
                command.source.string()
            )
        };
    }
    return checkpoint;
}

// A matrix that is scaled by rows must be one that is written anew, too; a norm must be a vector.
void drop_unfit(const Checkpoint& checkpoint, std::vector<ScaledGroup>& groups) {
    std::erase_if(groups, [&](const ScaledGroup& group) {
        const Tensor* source = checkpoint.find(group.source);
        return source == nullptr || (source->shape.size() > 1 && is_kept(*source)) ||
               !is_weight_type(source->type) ||
               std::ranges::any_of(group.matrices, [&](const std::string& name) {
                   const Tensor* matrix = checkpoint.find(name);
                   return matrix == nullptr || is_kept(*matrix);
               });
    });
}

Result<Preparation> prepare(const QuantiseFolder& command, const Checkpoint& checkpoint) {
    Preparation preparation;
    if (!command.inputs.empty()) {
        const auto config = read_config(command.source);
        if (!config) {
            return config.error();
        }
        std::vector<ScaledGroup> groups = scaled_groups_of(*config);
        drop_unfit(checkpoint, groups);
        const ScalingSearch search = {
            .find = [&](const std::string& name) { return checkpoint.find(name); },
            .type_of = [&](const Tensor&) { return type_of_bits(command.bits); },
            .inputs = command.inputs
        };
        preparation.scaling = find_scaling(search, groups);
    }
    if (command.gptq) {
        GptqModel gptq = {.calibration = *command.gptq, .type_of = [&](const Tensor& tensor) {
                              return is_kept(tensor) ? tensor.type : type_of_bits(command.bits);
                          }};
        gptq.calibration.model = command.source;
        gptq.calibration.threads = command.threads;
        auto blocks = gptq_blocks(gptq);
        if (!blocks) {
            return blocks.error();
        }
        preparation.blocks = std::move(*blocks);
    }
    return preparation;
}

// Names of modules that stay as they are.
std::vector<std::string> write_tensors(
    const Checkpoint& checkpoint, const Preparation& preparation, FolderWriter& writer, QuantisedModel& result
) {
    std::vector<std::string> kept_modules;
    for (const std::string& name : checkpoint.names()) {
        const Tensor& tensor = *checkpoint.find(name);
        result.source_bytes += std::ssize(tensor.bytes);
        ++result.tensors;
        if (!is_kept(tensor)) {
            writer.quantise_matrix(tensor);
            ++result.quantised_tensors;
            continue;
        }
        if (const std::vector<float>* scales = find_in(preparation.scaling.rows, name)) {
            writer.divide(tensor, *scales, preparation.scaling.offsets.at(name));
        } else {
            writer.keep(tensor);
        }
        if (tensor.shape.size() == 2 && name.ends_with(".weight")) {
            kept_modules.push_back(name.substr(0, name.size() - std::string_view(".weight").size()));
        }
    }
    return kept_modules;
}

}  // namespace

Result<QuantisedModel> quantise_folder(const QuantiseFolder& command) {
    const auto checkpoint = open_source(command);
    if (!checkpoint) {
        return checkpoint.error();
    }
    auto config = config_of(command);
    if (!config) {
        return config.error();
    }
    const auto preparation = prepare(command, *checkpoint);
    if (!preparation) {
        return preparation.error();
    }
    FolderWriter writer(command.bits, command.threads, *preparation);
    QuantisedModel result = {
        .scaled_tensors = std::ssize(preparation->scaling.columns),
        .gptq_tensors = std::ssize(preparation->blocks)
    };
    const auto kept_modules = write_tensors(*checkpoint, *preparation, writer, result);
    if (result.quantised_tensors == 0) {
        return Error{
            ErrorCode::kInvalid, "no tensor is the matrix of a linear layer with rows of 32 or more"
        };
    }
    for (const TensorToWrite& tensor : writer.tensors()) {
        result.bytes += std::ssize(tensor.bytes);
    }
    config->set("quantization_config", quantisation_json(command.bits, kept_modules));
    if (auto good = create_folders(command.out); !good) {
        return good.error();
    }
    if (auto good = copy_others(command); !good) {
        return good.error();
    }
    if (auto good = write_safetensors(command.out / "model.safetensors", writer.tensors()); !good) {
        return good.error();
    }
    if (auto good = replace_file(command.out / "config.json", config->dump_pretty()); !good) {
        return good.error();
    }
    return result;
}

}  // namespace capstan::engine
