#include "engine/client/quantise_folder.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"
#include "engine/files/quantise.h"
#include "engine/kernels/thread_team.h"

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

// Tensors that will be written, and the memory of those that were made.
class FolderWriter {
public:
    FolderWriter(int bits, int threads) : bits_(bits), team_(threads) {}

    void keep(const Tensor& tensor) {
        tensors_.push_back(
            {.name = tensor.name, .type = tensor.type, .shape = tensor.shape, .bytes = tensor.bytes}
        );
    }

    void quantise_matrix(const Tensor& tensor) {
        const DataType type = bits_ == 8 ? DataType::kQ8_0 : DataType::kQ4_0;
        const std::int64_t rows = tensor.shape[0];
        const std::int64_t columns = tensor.shape[1];
        const BlockShape block = block_of(type);
        const std::int64_t code_bytes = block.bytes - 2;
        std::vector<std::byte>& scales = make(rows * columns / kGroup * 2);
        std::vector<std::byte>& codes = make(rows * columns / kGroup * code_bytes);
        team_.run(rows, 1, [&](int, std::int64_t begin, std::int64_t end) {
            std::vector<float> numbers(static_cast<std::size_t>(columns));
            std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(type, columns)));
            for (std::int64_t row = begin; row < end; ++row) {
                const std::byte* stored = tensor.bytes.data() + bytes_of(tensor.type, row * columns);
                dequantise(tensor.type, stored, columns, numbers.data());
                quantise(type, numbers.data(), columns, nullptr, blocks.data());
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
            fmt::format("'{}' is a GGUF file: its types are q8_0, q4_0 and q4_k", command.source.string())
        };
    }
    return checkpoint;
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
    FolderWriter writer(command.bits, command.threads);
    QuantisedModel result;
    std::vector<std::string> kept_modules;
    for (const std::string& name : checkpoint->names()) {
        const Tensor& tensor = *checkpoint->find(name);
        result.source_bytes += std::ssize(tensor.bytes);
        ++result.tensors;
        if (!is_kept(tensor)) {
            writer.quantise_matrix(tensor);
            ++result.quantised_tensors;
            continue;
        }
        writer.keep(tensor);
        if (tensor.shape.size() == 2 && name.ends_with(".weight")) {
            kept_modules.push_back(name.substr(0, name.size() - std::string_view(".weight").size()));
        }
    }
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
