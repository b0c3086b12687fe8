#pragma once

// Keys and values into their pages (kv_layout.h), for any vector type S.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "engine/kernels/attention.h"

namespace capstan::engine::kernels {

// Fits every head: longer ones go through in pieces.
inline constexpr std::int64_t kStoredAtOnce = 4 * kKvGroup;

// Whole numbers and scales of up to kStoredAtOnce elements; `scales` is null for types that have none.
template <class S>
void quantise_row(KvType type, const float* from, std::int64_t count, float* levels, float* scales) {
    const auto limit = S::all(scales == nullptr ? kKvHalfMax : kv_level_max(type));
    const auto least = S::sub(S::zero(), limit);
    for (std::int64_t begin = 0; begin < count; begin += kKvGroup) {
        const std::int64_t end = std::min(begin + kKvGroup, count);
        auto inverse = S::all(1);
        if (scales != nullptr) {
            auto largest = S::zero();
            for (std::int64_t d = begin; d < end; d += S::kWidth) {
                const auto v = d + S::kWidth <= end ? S::load(from + d) : S::load_part(from + d, end - d);
                largest = S::max(S::max(v, S::sub(S::zero(), v)), largest);
            }
            const float scale = kv_scale(S::largest(largest), type);
            scales[begin / kKvGroup] = scale;
            inverse = S::all(scale > 0 ? 1 / scale : 0);
        }
        for (std::int64_t d = begin; d < end; d += S::kWidth) {
            auto v = d + S::kWidth <= end ? S::load(from + d) : S::load_part(from + d, end - d);
            v = scales == nullptr ? v : S::round(S::mul(v, inverse));
            S::store(levels + d, S::min(S::max(v, least), limit));
        }
    }
}

// Elements as they are stored, one after the other, `count` of them and zeros up to a whole vector; kI4 as
// bytes with one nibble each.
template <class S>
void encode(KvType type, const float* levels, std::int64_t count, std::byte* to) {
    if (type == KvType::kF16) {
        for (std::int64_t d = 0; d < count; d += S::kWidth) {
            S::store_halves(to + d * 2, S::load(levels + d));
        }
        return;
    }
    const int zero = type == KvType::kI4 ? 8 : 0;
    for (std::int64_t d = 0; d < count; ++d) {
        to[d] = static_cast<std::byte>(static_cast<int>(levels[d]) + zero);
    }
}

// Where `count` encoded elements, from element `first` of a position on, go.
struct StoredPiece {
    KvHead head;
    std::int64_t inside = 0;  // The position within its page.
    std::int64_t first = 0;
    std::int64_t count = 0;
    const std::byte* encoded = nullptr;
};

template <class S, typename Element>
void scatter(const StoredPiece& piece, std::byte* keys) {
    std::byte* to = keys + (piece.first * kKvBlockTokens + piece.inside) * std::int64_t{sizeof(Element)};
    for (std::int64_t d = 0; d < piece.count; ++d) {
        std::memcpy(
            to + d * kKvBlockTokens * std::int64_t{sizeof(Element)},
            piece.encoded + d * std::int64_t{sizeof(Element)},
            sizeof(Element)
        );
    }
}

template <class S>
void put_keys(const StoredPiece& piece, std::byte* keys) {
    switch (piece.head.type) {
        case KvType::kF32:
            return scatter<S, float>(piece, keys);
        case KvType::kF16:
            return scatter<S, std::uint16_t>(piece, keys);
        case KvType::kI8:
            return scatter<S, std::byte>(piece, keys);
        case KvType::kI4:
            break;
    }
    std::byte* to = keys + piece.first / 2 * kKvBlockTokens + piece.inside;
    for (std::int64_t d = 0; d < piece.count; d += 2) {
        to[d / 2 * kKvBlockTokens] = piece.encoded[d] | piece.encoded[d + 1] << 4;
    }
}

// `count` includes the zeros behind the head's last element.
template <class S>
void put_values(const StoredPiece& piece, std::byte* values) {
    const std::int64_t index = piece.inside * kv_padded(piece.head.head_dim) + piece.first;
    if (piece.head.type != KvType::kI4) {
        std::memcpy(
            values + piece.head.elements_bytes(index),
            piece.encoded,
            static_cast<std::size_t>(piece.head.elements_bytes(piece.count))
        );
        return;
    }
    for (std::int64_t d = 0; d < piece.count; d += 2) {
        values[(index + d) / 2] = piece.encoded[d] | piece.encoded[d + 1] << 4;
    }
}

struct StoredHead {
    KvHead head;
    std::int64_t inside = 0;
    const float* from = nullptr;  // [head_dim]
    std::byte* to = nullptr;
    bool is_key = true;
};

template <class S>
void store_head(const StoredHead& stored) {
    const KvHead& head = stored.head;
    float levels[kStoredAtOnce];
    std::byte encoded[kStoredAtOnce * 4];
    for (std::int64_t first = 0; first < head.head_dim; first += kStoredAtOnce) {
        const std::int64_t count = std::min(kStoredAtOnce, head.head_dim - first);
        const std::int64_t padded = kv_padded(count);
        StoredPiece piece = {.head = head, .inside = stored.inside, .first = first, .count = count};
        if (head.type == KvType::kF32) {
            std::fill(levels + count, levels + padded, 0.0F);
            std::copy_n(stored.from + first, count, levels);
            piece.encoded = reinterpret_cast<const std::byte*>(levels);
        } else {
            float scales[kStoredAtOnce / kKvGroup];
            quantise_row<S>(
                head.type, stored.from + first, count, levels, head.has_scales() ? scales : nullptr
            );
            std::fill(levels + count, levels + padded, 0.0F);
            encode<S>(head.type, levels, padded, encoded);
            piece.encoded = encoded;
            for (std::int64_t group = 0; head.has_scales() && group * kKvGroup < count; ++group) {
                const std::int64_t index = first / kKvGroup + group;
                const std::int64_t place =
                    stored.is_key ? head.keys_bytes() + (index * kKvBlockTokens + stored.inside) * 4
                                  : head.values_bytes() + (stored.inside * head.groups() + index) * 4;
                std::memcpy(stored.to + place, scales + group, 4);
            }
        }
        if (stored.is_key) {
            put_keys<S>(piece, stored.to);
        } else {
            piece.count = padded;
            put_values<S>(piece, stored.to);
        }
    }
}

template <class S>
void vector_kv_store(const KvStore& work) {
    const KvHead head = work.kv.head();
    for (std::int64_t row = 0; row < work.rows; ++row) {
        const std::int64_t position = work.position + row;
        const std::int64_t block = position / kKvBlockTokens;
        for (std::int64_t i = 0; i < work.kv.kv_heads; ++i) {
            const std::int64_t from = (row * work.kv.kv_heads + i) * head.head_dim;
            StoredHead stored = {
                .head = head,
                .inside = position % kKvBlockTokens,
                .from = work.keys + from,
                .to = work.kv.keys(block, i),
                .is_key = true
            };
            store_head<S>(stored);
            stored.from = work.values + from;
            stored.to += head.values_offset();
            stored.is_key = false;
            store_head<S>(stored);
        }
    }
}

}  // namespace capstan::engine::kernels
