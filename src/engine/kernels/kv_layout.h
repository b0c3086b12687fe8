#pragma once

// How keys and values lie in memory: the contract between the cache, which owns pages, and the attention
// kernels, which read them.
//
// A page (block) holds kKvBlockTokens consecutive positions of one sequence, all layers: for each layer and
// key/value head its keys, then its values. Keys are [head_dim][16 positions], so that scores of neighbouring
// positions are computed side by side without a sum across lanes; values are [16 positions][head_dim], the
// row filled up with zeros to whole vectors. Of kI4, two neighbours of one position share a byte, the lower
// nibble being the first, so keys are [head_dim / 2][16 positions] bytes. No byte belongs to two positions.
//
// Quantised elements have a scale (float32) for each kKvGroup neighbours along the head, at each position:
// key scales [groups][16 positions] behind the keys, value scales [16 positions][groups] behind the values.
// Rounded to the nearest, an element is off by at most 1/254 (kI8) or 1/14 (kI4) of the largest of its group.
// kF16 is off by 2^-11 of the element and holds ±65,504; what is larger becomes that.

#include <cstddef>
#include <cstdint>

namespace capstan::engine {

enum class KvType { kF32, kF16, kI8, kI4 };

inline constexpr std::int64_t kKvBlockTokens = 16;
inline constexpr std::int64_t kKvGroup = 32;

// Elements of a row of values, whole vectors of every processor.
constexpr std::int64_t kv_padded(std::int64_t head_dim) {
    return (head_dim + 15) / 16 * 16;
}

inline constexpr float kKvHalfMax = 65504;

// Of kI8 and kI4: elements are whole numbers from -this to this.
constexpr float kv_level_max(KvType type) {
    return type == KvType::kI8 ? 127.0F : 7.0F;
}

// The scale of a group whose largest magnitude is `largest`; 0 where its inverse would overflow.
constexpr float kv_scale(float largest, KvType type) {
    constexpr float kLargest = 3.4e38F;
    constexpr float kLeast = 1e-37F;
    const float scale = (largest < kLargest ? largest : kLargest) / kv_level_max(type);
    return scale < kLeast ? 0 : scale;
}

// One head of one page; sizes in bytes.
struct KvHead {
    std::int64_t head_dim = 0;  // Even.
    KvType type = KvType::kF32;

    constexpr std::int64_t groups() const { return (head_dim + kKvGroup - 1) / kKvGroup; }

    constexpr std::int64_t elements_bytes(std::int64_t elements) const {
        switch (type) {
            case KvType::kF32:
                return elements * 4;
            case KvType::kF16:
                return elements * 2;
            case KvType::kI8:
                return elements;
            case KvType::kI4:
                return elements / 2;
        }
        return 0;
    }

    constexpr bool has_scales() const { return type == KvType::kI8 || type == KvType::kI4; }

    // Behind the keys, and behind the values.
    constexpr std::int64_t scales_bytes() const { return has_scales() ? groups() * kKvBlockTokens * 4 : 0; }

    // Of the elements alone.
    constexpr std::int64_t keys_bytes() const { return elements_bytes(kKvBlockTokens * head_dim); }

    constexpr std::int64_t values_bytes() const {
        return elements_bytes(kKvBlockTokens * kv_padded(head_dim));
    }

    // From the keys of a head to its values.
    constexpr std::int64_t values_offset() const { return keys_bytes() + scales_bytes(); }

    constexpr std::int64_t bytes() const { return values_offset() + values_bytes() + scales_bytes(); }
};

struct KvShape {
    std::int64_t layers = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    KvType type = KvType::kF32;

    constexpr KvHead head() const { return {.head_dim = head_dim, .type = type}; }

    constexpr std::int64_t layer_bytes() const { return kv_heads * head().bytes(); }

    constexpr std::int64_t block_bytes() const { return layers * layer_bytes(); }
};

// One layer of one sequence. Position p is in block p / kKvBlockTokens.
struct KvView {
    std::byte* const* blocks = nullptr;
    std::int64_t layer_offset = 0;  // Of the layer within a block, in bytes.
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    KvType type = KvType::kF32;

    KvHead head() const { return {.head_dim = head_dim, .type = type}; }

    std::byte* keys(std::int64_t block, std::int64_t kv_head) const {
        return blocks[block] + layer_offset + kv_head * head().bytes();
    }

    std::byte* values(std::int64_t block, std::int64_t kv_head) const {
        return keys(block, kv_head) + head().values_offset();
    }
};

// Puts one position's key and value, each [kv_heads, head_dim], in their place. The definition that the
// kernels (attention.h) are tested against; slow.
void store_kv(const KvView& view, std::int64_t position, const float* key, const float* value);

// An element of one head of one page, `inside` being the position within the page; slow.
float key_at(const KvHead& head, const std::byte* keys, std::int64_t inside, std::int64_t d);
float value_at(const KvHead& head, const std::byte* values, std::int64_t inside, std::int64_t d);

}  // namespace capstan::engine
