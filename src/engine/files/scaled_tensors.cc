#include "engine/files/scaled_tensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "engine/files/dequantise.h"
#include "engine/files/group_quantised.h"

namespace capstan::engine {
namespace {

using Stored = std::map<std::string, const Tensor*, std::less<>>;

constexpr std::int64_t kBlock = 32;

Error invalid(std::string_view tensor, std::string_view why) {
    return Error{ErrorCode::kInvalid, fmt::format("tensor '{}': {}", tensor, why)};
}

bool is_f8(DataType type) {
    return type == DataType::kF8E4m3 || type == DataType::kF8E5m2;
}

// Of a matrix: one for each block of rows and columns.
struct Scales {
    std::vector<float> values;
    std::int64_t columns = 1;
    std::int64_t row_block = 1;
    std::int64_t column_block = 1;

    float at(std::int64_t row, std::int64_t column) const {
        const std::int64_t index = row / row_block * columns + column / column_block;
        return values[static_cast<std::size_t>(index)];
    }
};

// The length of blocks of which `count` cover `size`: 128, as all fine-grained FP8 has it, where that fits
// (the last block may be shorter), else an even share.
std::optional<std::int64_t> block_length(std::int64_t size, std::int64_t count) {
    constexpr std::int64_t kUsual = 128;
    if (count <= 0 || count > size) {
        return std::nullopt;
    }
    if ((size + kUsual - 1) / kUsual == count) {
        return kUsual;
    }
    return size % count == 0 ? std::optional(size / count) : std::nullopt;
}

std::vector<float> numbers_of(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    dequantise(tensor.type, tensor.bytes.data(), tensor.elements(), values.data());
    return values;
}

Result<Scales> scales_of(const Tensor& tensor, std::int64_t rows, std::int64_t columns) {
    std::vector<std::int64_t> shape = tensor.shape;
    if (tensor.elements() == 1) {
        shape = {1, 1};
    } else if (shape.size() == 1) {
        shape.push_back(1);
    }
    const auto row_block = shape.size() == 2 ? block_length(rows, shape[0]) : std::nullopt;
    const auto column_block = shape.size() == 2 ? block_length(columns, shape[1]) : std::nullopt;
    if (!row_block || !column_block) {
        return invalid(
            tensor.name,
            fmt::format("scales {} do not fit a matrix [{}, {}]", shape_text(tensor.shape), rows, columns)
        );
    }
    if (!is_weight_type(tensor.type) && !is_f8(tensor.type)) {
        return invalid(tensor.name, fmt::format("scales cannot be {}", name_of(tensor.type)));
    }
    return Scales{
        .values = numbers_of(tensor),
        .columns = shape[1],
        .row_block = *row_block,
        .column_block = *column_block
    };
}

void store_bf16(std::vector<std::byte>& out, std::int64_t index, float value) {
    const std::uint16_t bits = bf16_of_float(value);
    std::memcpy(out.data() + index * 2, &bits, sizeof bits);
}

// The code of column `column`, where each byte has the even one in its low half.
int nibble_at(const Tensor& packed, std::int64_t row, std::int64_t column) {
    const std::int64_t index = row * packed.shape[1] + column / 2;
    const int byte = std::to_integer<int>(packed.bytes[static_cast<std::size_t>(index)]);
    return column % 2 == 0 ? byte & 0xF : byte >> 4;
}

// The codes of a block of 32: GGUF has the first 16 in the low halves.
template <typename CodeOf>
void pack_block(std::byte* out, const CodeOf& code_of) {
    for (std::int64_t i = 0; i < kBlock / 2; ++i) {
        out[i] = static_cast<std::byte>(code_of(i) | (code_of(i + kBlock / 2) << 4));
    }
}

class Restorer {
public:
    explicit Restorer(const Stored& stored) : stored_(stored) {}

    Result<void> restore(const std::string& name, const Tensor& tensor) {
        constexpr std::string_view kWeight = ".weight";
        constexpr std::string_view kPacked = ".weight_packed";
        if (name.ends_with(kPacked)) {
            return restore_packed(name.substr(0, name.size() - kPacked.size()), tensor);
        }
        if (constexpr std::string_view kGroups = ".qweight"; name.ends_with(kGroups)) {
            return restore_groups_of(name.substr(0, name.size() - kGroups.size()), tensor);
        }
        if (!name.ends_with(kWeight)) {
            return {};
        }
        const std::string module = name.substr(0, name.size() - kWeight.size());
        if (is_f8(tensor.type)) {
            return restore_f8(module, tensor);
        }
        if (tensor.type == DataType::kI8) {
            return restore_int8(module, tensor);
        }
        if (tensor.type == DataType::kU8 && find(module, "weight_scale_2") != nullptr) {
            return restore_nvfp4(module, tensor, *find(module, "weight_scale_2"), false);
        }
        return {};
    }

    RestoredTensors take() { return std::move(restored_); }

private:
    const Tensor* find(const std::string& module, std::string_view name) const {
        const auto found = stored_.find(fmt::format("{}.{}", module, name));
        return found == stored_.end() ? nullptr : found->second;
    }

    static Result<void> check_matrix(const Tensor& tensor) {
        if (tensor.shape.size() != 2 || tensor.shape[0] == 0 || tensor.shape[1] == 0) {
            return invalid(tensor.name, fmt::format("{} is no matrix", shape_text(tensor.shape)));
        }
        return {};
    }

    void consume(const std::string& module) {
        // Some are of activations, which are not rounded here.
        for (const auto* name :
             {"weight_packed",
              "weight_scale",
              "weight_scale_inv",
              "weight_scale_2",
              "weight_global_scale",
              "weight_shape",
              "input_scale",
              "input_global_scale",
              "output_scale",
              "k_scale",
              "v_scale",
              "qweight",
              "qzeros",
              "scales",
              "g_idx"}) {
            if (const Tensor* tensor = find(module, name)) {
                restored_.consumed.push_back(tensor->name);
            }
        }
    }

    void keep(
        const std::string& module,
        DataType type,
        std::vector<std::int64_t> shape,
        std::vector<std::byte> bytes
    ) {
        consume(module);
        const std::string name = module + ".weight";
        restored_.memory.push_back(std::move(bytes));
        restored_.tensors.insert_or_assign(
            name,
            Tensor{.name = name, .type = type, .shape = std::move(shape), .bytes = restored_.memory.back()}
        );
    }

    Result<void> restore_groups_of(const std::string& module, const Tensor& codes) {
        auto matrix = restore_groups(
            {.codes = codes,
             .zeros = find(module, "qzeros"),
             .scales = find(module, "scales"),
             .group_of = find(module, "g_idx")}
        );
        if (!matrix) {
            return matrix.error();
        }
        keep(module, matrix->type, std::move(matrix->shape), std::move(matrix->bytes));
        return {};
    }

    Result<void> restore_f8(const std::string& module, const Tensor& tensor) {
        if (auto good = check_matrix(tensor); !good) {
            return good;
        }
        const std::int64_t rows = tensor.shape[0];
        const std::int64_t columns = tensor.shape[1];
        const Tensor* inverse = find(module, "weight_scale_inv");  // What it multiplies by, all the same.
        const Tensor* direct = find(module, "weight_scale");
        Scales scales = {.values = {1}, .columns = 1, .row_block = rows, .column_block = columns};
        if (inverse != nullptr || direct != nullptr) {
            auto found = scales_of(inverse != nullptr ? *inverse : *direct, rows, columns);
            if (!found) {
                return found.error();
            }
            scales = std::move(*found);
        }
        float table[256];
        for (int code = 0; code < 256; ++code) {
            const auto byte = static_cast<std::byte>(code);
            dequantise(tensor.type, &byte, 1, &table[code]);
        }
        std::vector<std::byte> bytes(tensor.bytes.size() * 2);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                const std::int64_t index = row * columns + column;
                const auto code = std::to_integer<std::size_t>(tensor.bytes[static_cast<std::size_t>(index)]);
                store_bf16(bytes, index, table[code] * scales.at(row, column));
            }
        }
        keep(module, DataType::kBf16, tensor.shape, std::move(bytes));
        return {};
    }

    // Numbers are code × scale of 16 neighbours × (or ÷) one scale of all.
    Result<void> restore_nvfp4(
        const std::string& module, const Tensor& packed, const Tensor& global, bool divides
    ) {
        if (auto good = check_matrix(packed); !good) {
            return good;
        }
        const std::int64_t rows = packed.shape[0];
        const std::int64_t columns = packed.shape[1] * 2;
        const Tensor* local = find(module, "weight_scale");
        if (local == nullptr || global.elements() != 1 || !is_weight_type(global.type)) {
            return invalid(packed.name, "needs 'weight_scale' and one scale of all");
        }
        const auto scales = scales_of(*local, rows, columns);
        if (!scales) {
            return scales.error();
        }
        const float value = weight_at(global.bytes.data(), global.type, 0);
        const float factor = (divides ? 1 / value : value) / 2;  // Codes are doubled.
        std::vector<std::byte> bytes(packed.bytes.size() * 4);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                const auto code = static_cast<float>(kFp4Doubled[nibble_at(packed, row, column)]);
                store_bf16(bytes, row * columns + column, code * scales->at(row, column) * factor);
            }
        }
        keep(module, DataType::kBf16, {rows, columns}, std::move(bytes));
        return {};
    }

    // Exponents are bytes, one for 32 neighbours; only the order of halves of bytes changes.
    Result<void> restore_mxfp4(const std::string& module, const Tensor& packed, const Tensor& exponents) {
        if (auto good = check_matrix(packed); !good) {
            return good;
        }
        const std::int64_t rows = packed.shape[0];
        const std::int64_t columns = packed.shape[1] * 2;
        if (columns % kBlock != 0 || exponents.elements() != rows * columns / kBlock) {
            return invalid(exponents.name, fmt::format("must have a scale for each {} columns", kBlock));
        }
        const BlockShape block = block_of(DataType::kMxfp4);
        std::vector<std::byte> bytes(static_cast<std::size_t>(bytes_of(DataType::kMxfp4, rows * columns)));
        for (std::int64_t i = 0; i < rows * columns / kBlock; ++i) {
            const std::int64_t row = i / (columns / kBlock);
            const std::int64_t first = i % (columns / kBlock) * kBlock;
            std::byte* out = bytes.data() + i * block.bytes;
            out[0] = exponents.bytes[static_cast<std::size_t>(i)];
            pack_block(out + 1, [&](std::int64_t at) { return nibble_at(packed, row, first + at); });
        }
        keep(module, DataType::kMxfp4, {rows, columns}, std::move(bytes));
        return {};
    }

    Result<void> restore_packed(const std::string& module, const Tensor& packed) {
        const Tensor* scale = find(module, "weight_scale");
        if (scale == nullptr) {
            return invalid(packed.name, "needs 'weight_scale'");
        }
        if (find(module, "weight_zero_point") != nullptr || find(module, "weight_g_idx") != nullptr) {
            return invalid(packed.name, "zero points and reordered groups are not read");
        }
        if (packed.type == DataType::kI32) {
            return restore_int4(module, packed, *scale);
        }
        if (packed.type == DataType::kU8 && scale->type == DataType::kU8) {
            return restore_mxfp4(module, packed, *scale);
        }
        const Tensor* global = find(module, "weight_global_scale");
        if (packed.type == DataType::kU8 && global != nullptr) {
            return restore_nvfp4(module, packed, *global, true);
        }
        return invalid(packed.name, fmt::format("{} is no packing that is read", name_of(packed.type)));
    }

    // Blocks of 32 with the scale of the group that they are in.
    template <typename WriteCodes>
    Result<void> restore_integers(
        const std::string& module, DataType type, std::vector<std::int64_t> shape, const WriteCodes& write
    ) {
        const Tensor* scale = find(module, "weight_scale");
        const std::string name = module + ".weight";
        if (scale == nullptr || find(module, "weight_zero_point") != nullptr) {
            return invalid(name, "integers need 'weight_scale', and zero points are not read");
        }
        const auto scales = scales_of(*scale, shape[0], shape[1]);
        if (!scales) {
            return scales.error();
        }
        if (shape[1] % kBlock != 0 || scales->column_block % kBlock != 0) {
            return invalid(name, fmt::format("rows and groups must be multiples of {}", kBlock));
        }
        const BlockShape block = block_of(type);
        std::vector<std::byte> bytes(static_cast<std::size_t>(bytes_of(type, shape[0] * shape[1])));
        for (std::int64_t i = 0; i < shape[0] * shape[1] / kBlock; ++i) {
            const std::int64_t row = i / (shape[1] / kBlock);
            const std::int64_t first = i % (shape[1] / kBlock) * kBlock;
            const std::uint16_t half = f16_of_float(scales->at(row, first));
            std::byte* out = bytes.data() + i * block.bytes;
            std::memcpy(out, &half, sizeof half);
            write(row, first, out + 2);
        }
        keep(module, type, std::move(shape), std::move(bytes));
        return {};
    }

    Result<void> restore_int8(const std::string& module, const Tensor& tensor) {
        if (auto good = check_matrix(tensor); !good) {
            return good;
        }
        return restore_integers(
            module,
            DataType::kQ8_0,
            tensor.shape,
            [&](std::int64_t row, std::int64_t first, std::byte* out) {
                std::memcpy(out, tensor.bytes.data() + row * tensor.shape[1] + first, kBlock);
            }
        );
    }

    // Eight codes, 8 above the number, in each word; the first in the lowest bits.
    Result<void> restore_int4(const std::string& module, const Tensor& packed, const Tensor& scale) {
        const Tensor* shape = find(module, "weight_shape");
        if (auto good = check_matrix(packed); !good) {
            return good;
        }
        const std::int64_t columns = packed.shape[1] * 8;
        if (shape == nullptr || shape->elements() != 2 || shape->type != DataType::kI64) {
            return invalid(packed.name, "needs 'weight_shape'");
        }
        const std::vector<float> sizes = numbers_of(*shape);
        if (sizes[0] != static_cast<float>(packed.shape[0]) || sizes[1] != static_cast<float>(columns)) {
            return invalid(scale.name, "only four bits in full words are read");
        }
        return restore_integers(
            module,
            DataType::kQ4_0,
            {packed.shape[0], columns},
            [&](std::int64_t row, std::int64_t first, std::byte* out) {
                const std::byte* words = packed.bytes.data() + (row * columns + first) / 2;
                pack_block(out, [&](std::int64_t at) {
                    const int byte = std::to_integer<int>(words[at / 2]);
                    return at % 2 == 0 ? byte & 0xF : byte >> 4;
                });
            }
        );
    }

    const Stored& stored_;
    RestoredTensors restored_;
};

}  // namespace

Result<RestoredTensors> restore_scaled_tensors(const Stored& stored) {
    Restorer restorer(stored);
    for (const auto& [name, tensor] : stored) {
        if (auto good = restorer.restore(name, *tensor); !good) {
            return good.error();
        }
    }
    return restorer.take();
}

}  // namespace capstan::engine
