#include "engine/kernels/kv_layout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/files/data_type.h"

namespace capstan::engine {
namespace {

// What is not a number becomes the least, so that a page never harms its next user.
float bounded(float value, float limit) {
    return value > -limit ? std::min(value, limit) : -limit;
}

enum class Part { kKey, kValue };

// Of one position's elements and scales; elements of kI4 are counted in nibbles.
struct Place {
    KvHead head;
    Part part;
    std::int64_t inside;  // The position within its page.

    std::int64_t element(std::int64_t d) const {
        if (part == Part::kValue) {
            return inside * kv_padded(head.head_dim) + d;
        }
        const bool is_pair = head.type == KvType::kI4;
        return is_pair ? (d / 2 * kKvBlockTokens + inside) * 2 + d % 2 : d * kKvBlockTokens + inside;
    }

    std::int64_t scale_offset(std::int64_t d) const {
        const std::int64_t group = d / kKvGroup;
        return part == Part::kKey ? head.keys_bytes() + (group * kKvBlockTokens + inside) * 4
                                  : head.values_bytes() + (inside * head.groups() + group) * 4;
    }
};

void write(std::byte* elements, KvType type, std::int64_t index, float value) {
    if (type == KvType::kF32) {
        std::memcpy(elements + index * 4, &value, 4);
    } else if (type == KvType::kF16) {
        const std::uint16_t half = f16_of_float(bounded(value, kKvHalfMax));
        std::memcpy(elements + index * 2, &half, 2);
    } else if (type == KvType::kI8) {
        elements[index] = static_cast<std::byte>(static_cast<std::int8_t>(value));
    } else {
        const auto nibble = static_cast<std::byte>(static_cast<int>(value) + 8);
        std::byte& both = elements[index / 2];
        both = index % 2 == 0 ? (both & std::byte{0xF0}) | nibble : (both & std::byte{0x0F}) | nibble << 4;
    }
}

void write_row(const Place& place, const float* from, std::byte* to) {
    const KvHead& head = place.head;
    for (std::int64_t begin = 0; begin < head.head_dim; begin += kKvGroup) {
        const std::int64_t end = std::min(begin + kKvGroup, head.head_dim);
        float inverse = 1;
        if (head.has_scales()) {
            float largest = 0;
            for (std::int64_t d = begin; d < end; ++d) {
                largest = std::max(largest, std::abs(from[d]));
            }
            const float scale = kv_scale(largest, head.type);
            inverse = scale > 0 ? 1 / scale : 0;
            std::memcpy(to + place.scale_offset(begin), &scale, 4);
        }
        for (std::int64_t d = begin; d < end; ++d) {
            const float level = head.has_scales()
                                    ? bounded(std::nearbyint(from[d] * inverse), kv_level_max(head.type))
                                    : from[d];
            write(to, head.type, place.element(d), level);
        }
    }
}

float level_at(const std::byte* elements, KvType type, std::int64_t index) {
    switch (type) {
        case KvType::kF32:
            return weight_at(elements, DataType::kF32, index);
        case KvType::kF16:
            return weight_at(elements, DataType::kF16, index);
        case KvType::kI8:
            return static_cast<float>(static_cast<std::int8_t>(elements[index]));
        case KvType::kI4:
            break;
    }
    const auto both = static_cast<int>(elements[index / 2]);
    return static_cast<float>((index % 2 == 0 ? both & 15 : both >> 4) - 8);
}

float read(const Place& place, const std::byte* from, std::int64_t d) {
    const float level = level_at(from, place.head.type, place.element(d));
    if (!place.head.has_scales()) {
        return level;
    }
    return level * weight_at(from + place.scale_offset(d), DataType::kF32, 0);
}

}  // namespace

void store_kv(const KvView& view, std::int64_t position, const float* key, const float* value) {
    const std::int64_t block = position / kKvBlockTokens;
    const KvHead head = view.head();
    Place place = {.head = head, .part = Part::kKey, .inside = position % kKvBlockTokens};
    for (std::int64_t i = 0; i < view.kv_heads; ++i) {
        place.part = Part::kKey;
        write_row(place, key + i * head.head_dim, view.keys(block, i));
        place.part = Part::kValue;
        write_row(place, value + i * head.head_dim, view.values(block, i));
        for (std::int64_t d = head.head_dim; d < kv_padded(head.head_dim); ++d) {
            write(view.values(block, i), head.type, place.element(d), 0);
        }
    }
}

float key_at(const KvHead& head, const std::byte* keys, std::int64_t inside, std::int64_t d) {
    return read({.head = head, .part = Part::kKey, .inside = inside}, keys, d);
}

float value_at(const KvHead& head, const std::byte* values, std::int64_t inside, std::int64_t d) {
    return read({.head = head, .part = Part::kValue, .inside = inside}, values, d);
}

}  // namespace capstan::engine
