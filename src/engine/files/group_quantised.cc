#include "engine/files/group_quantised.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

constexpr std::int64_t kBlock = 32;
constexpr int kWordBits = 32;
// Where AWQ has the number of each of eight neighbours.
constexpr int kAwqPlaces[8] = {0, 4, 1, 5, 2, 6, 3, 7};

Error invalid(const Tensor& tensor, std::string_view why) {
    return Error{ErrorCode::kInvalid, fmt::format("tensor '{}': {}", tensor.name, why)};
}

// What the shapes say.
struct Layout {
    bool is_awq = false;
    int bits = 4;
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t groups = 0;

    std::int64_t in_a_word() const { return kWordBits / bits; }
};

std::uint32_t word_at(const Tensor& tensor, std::int64_t index) {
    std::uint32_t word;
    std::memcpy(&word, tensor.bytes.data() + index * std::int64_t{sizeof word}, sizeof word);
    return word;
}

class GroupReader {
public:
    GroupReader(const GroupQuantised& stored, const Layout& layout) : stored_(stored), layout_(layout) {}

    int code(std::int64_t in, std::int64_t out) const {
        if (layout_.is_awq) {
            const std::uint32_t word = word_at(stored_.codes, in * (layout_.out / 8) + out / 8);
            return part(word, kAwqPlaces[out % 8]);
        }
        const std::int64_t count = layout_.in_a_word();
        const std::uint32_t word = word_at(stored_.codes, in / count * layout_.out + out);
        return part(word, static_cast<int>(in % count));
    }

    int zero(std::int64_t group, std::int64_t out) const {
        const std::int64_t count = layout_.in_a_word();
        const std::uint32_t word = word_at(*stored_.zeros, group * (layout_.out / count) + out / count);
        const auto place = static_cast<int>(out % count);
        if (layout_.is_awq) {
            return part(word, kAwqPlaces[place]);
        }
        return (part(word, place) + 1) & ((1 << layout_.bits) - 1);
    }

    float scale(std::int64_t group, std::int64_t out) const {
        return weight_at(stored_.scales->bytes.data(), stored_.scales->type, group * layout_.out + out);
    }

    std::int64_t group(std::int64_t in) const {
        if (stored_.group_of == nullptr) {
            return in / (layout_.in / layout_.groups);
        }
        std::int32_t group;
        std::memcpy(&group, stored_.group_of->bytes.data() + in * std::int64_t{sizeof group}, sizeof group);
        return group;
    }

private:
    int part(std::uint32_t word, int place) const {
        const std::uint32_t mask = (1U << layout_.bits) - 1;
        return static_cast<int>((word >> (place * layout_.bits)) & mask);
    }

    const GroupQuantised& stored_;
    Layout layout_;
};

bool is_matrix(const Tensor* tensor) {
    return tensor != nullptr && tensor->shape.size() == 2 && tensor->shape[0] > 0 && tensor->shape[1] > 0;
}

Result<Layout> layout_of(const GroupQuantised& stored) {
    const Tensor& codes = stored.codes;
    if (!is_matrix(&codes) || codes.type != DataType::kI32) {
        return invalid(
            codes, fmt::format("{} {} is no matrix of I32", name_of(codes.type), shape_text(codes.shape))
        );
    }
    if (!is_matrix(stored.zeros) || !is_matrix(stored.scales) || stored.zeros->type != DataType::kI32 ||
        !is_weight_type(stored.scales->type)) {
        return invalid(codes, "needs 'qzeros' of I32 and 'scales' of numbers beside it");
    }
    const std::int64_t words = stored.zeros->shape[1];
    Layout layout = {.out = stored.scales->shape[1], .groups = stored.scales->shape[0]};
    const std::int64_t in_a_word = layout.out / words;
    if (layout.out % words != 0 || (in_a_word != 8 && in_a_word != 4) ||
        stored.zeros->shape[0] != layout.groups) {
        return invalid(
            *stored.zeros,
            fmt::format(
                "{} does not hold 4 or 8 bits for each of 'scales' {}",
                shape_text(stored.zeros->shape),
                shape_text(stored.scales->shape)
            )
        );
    }
    layout.bits = static_cast<int>(kWordBits / in_a_word);
    layout.is_awq = codes.shape[1] != layout.out;
    layout.in = codes.shape[0] * (layout.is_awq ? 1 : in_a_word);
    if (layout.is_awq && (layout.bits != 4 || codes.shape[1] != words)) {
        return invalid(codes, fmt::format("{} does not fit {} columns", shape_text(codes.shape), layout.out));
    }
    if (stored.group_of == nullptr && layout.in % layout.groups != 0) {
        return invalid(
            *stored.scales, fmt::format("{} groups do not divide {} inputs", layout.groups, layout.in)
        );
    }
    return layout;
}

Result<void> check_group_indices(
    const GroupQuantised& stored, const Layout& layout, const GroupReader& reader
) {
    if (stored.group_of == nullptr) {
        return {};
    }
    const Tensor& indices = *stored.group_of;
    if (indices.type != DataType::kI32 || indices.shape != std::vector{layout.in}) {
        return invalid(indices, fmt::format("must be I32 [{}]", layout.in));
    }
    for (std::int64_t in = 0; in < layout.in; ++in) {
        if (const std::int64_t group = reader.group(in); group < 0 || group >= layout.groups) {
            return invalid(
                indices, fmt::format("input {} is of group {}; there are {}", in, group, layout.groups)
            );
        }
    }
    return {};
}

// Whether all inputs of a block share a group.
bool has_whole_blocks(const Layout& layout, const GroupReader& reader) {
    if (layout.in % kBlock != 0) {
        return false;
    }
    for (std::int64_t in = 0; in < layout.in; ++in) {
        if (reader.group(in) != reader.group(in / kBlock * kBlock)) {
            return false;
        }
    }
    return true;
}

bool has_middle_zeros(const Layout& layout, const GroupReader& reader) {
    for (std::int64_t group = 0; group < layout.groups; ++group) {
        for (std::int64_t out = 0; out < layout.out; ++out) {
            if (reader.zero(group, out) != 1 << (layout.bits - 1)) {
                return false;
            }
        }
    }
    return true;
}

void put_half(std::byte* to, float value) {
    const std::uint16_t half = f16_of_float(value);
    std::memcpy(to, &half, sizeof half);
}

RestoredMatrix as_f16(const Layout& layout, const GroupReader& reader) {
    RestoredMatrix matrix = {.type = DataType::kF16, .shape = {layout.out, layout.in}, .bytes = {}};
    matrix.bytes.resize(static_cast<std::size_t>(layout.out * layout.in * 2));
    for (std::int64_t in = 0; in < layout.in; ++in) {
        const std::int64_t group = reader.group(in);
        for (std::int64_t out = 0; out < layout.out; ++out) {
            const auto steps = static_cast<float>(reader.code(in, out) - reader.zero(group, out));
            put_half(matrix.bytes.data() + (out * layout.in + in) * 2, reader.scale(group, out) * steps);
        }
    }
    return matrix;
}

void write_block(
    const GroupReader& reader, DataType type, std::int64_t first, std::int64_t out, std::byte* to
) {
    const std::int64_t group = reader.group(first);
    const float scale = reader.scale(group, out);
    put_half(to, scale);
    std::byte* codes = to + 2;
    if (type == DataType::kQ8_0) {
        for (std::int64_t i = 0; i < kBlock; ++i) {
            codes[i] = static_cast<std::byte>(reader.code(first + i, out) - 128);
        }
        return;
    }
    if (type == DataType::kQ4_1) {
        put_half(to + 2, -scale * static_cast<float>(reader.zero(group, out)));
        codes = to + 4;
    }
    for (std::int64_t i = 0; i < kBlock / 2; ++i) {
        const int high = reader.code(first + kBlock / 2 + i, out);
        codes[i] = static_cast<std::byte>(reader.code(first + i, out) | (high << 4));
    }
}

RestoredMatrix as_blocks(const Layout& layout, const GroupReader& reader, DataType type) {
    RestoredMatrix matrix = {.type = type, .shape = {layout.out, layout.in}, .bytes = {}};
    matrix.bytes.resize(static_cast<std::size_t>(bytes_of(type, layout.out * layout.in)));
    const std::int64_t row_bytes = bytes_of(type, layout.in);
    // Of a block all outputs, as they lie beside each other in the file.
    for (std::int64_t block = 0; block < layout.in / kBlock; ++block) {
        for (std::int64_t out = 0; out < layout.out; ++out) {
            std::byte* to = matrix.bytes.data() + out * row_bytes + block * block_of(type).bytes;
            write_block(reader, type, block * kBlock, out, to);
        }
    }
    return matrix;
}

}  // namespace

Result<RestoredMatrix> restore_groups(const GroupQuantised& stored) {
    const auto layout = layout_of(stored);
    if (!layout) {
        return layout.error();
    }
    const GroupReader reader(stored, *layout);
    if (auto good = check_group_indices(stored, *layout, reader); !good) {
        return good.error();
    }
    const bool is_symmetric = has_middle_zeros(*layout, reader);
    if (!has_whole_blocks(*layout, reader) || (layout->bits == 8 && !is_symmetric)) {
        return as_f16(*layout, reader);
    }
    if (layout->bits == 8) {
        return as_blocks(*layout, reader, DataType::kQ8_0);
    }
    return as_blocks(*layout, reader, is_symmetric ? DataType::kQ4_0 : DataType::kQ4_1);
}

}  // namespace capstan::engine
