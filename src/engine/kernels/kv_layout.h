#pragma once

// How keys and values lie in memory: the contract between the cache, which owns blocks, and the attention
// kernel, which reads them.
//
// A block holds kKvBlockTokens consecutive positions of one sequence, all layers: for each layer the keys of
// all key/value heads, then the values. Within a head, keys are in tiles of kKeyTile positions,
// [tile][head_dim][kKeyTile], so that scores of neighbouring positions are computed side by side without a
// sum across lanes; values are [position][head_dim].

#include <cstddef>
#include <cstdint>

namespace capstan::engine {

inline constexpr std::int64_t kKvBlockTokens = 16;
inline constexpr std::int64_t kKeyTile = 16;

struct KvShape {
    std::int64_t layers = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;

    std::int64_t head_bytes() const {
        return kKvBlockTokens * head_dim * static_cast<std::int64_t>(sizeof(float));
    }

    std::int64_t layer_bytes() const { return 2 * kv_heads * head_bytes(); }

    std::int64_t block_bytes() const { return layers * layer_bytes(); }
};

// One layer of one sequence. Position p is in block p / kKvBlockTokens.
struct KvView {
    std::byte* const* blocks = nullptr;
    std::int64_t layer_offset = 0;  // Of the layer within a block, in bytes.
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;

    float* keys(std::int64_t block, std::int64_t kv_head) const { return at(block, kv_head); }

    float* values(std::int64_t block, std::int64_t kv_head) const { return at(block, kv_heads + kv_head); }

private:
    float* at(std::int64_t block, std::int64_t part) const {
        return reinterpret_cast<float*>(blocks[block] + layer_offset) + part * kKvBlockTokens * head_dim;
    }
};

// Puts one position's key and value, each [kv_heads, head_dim], in their place.
inline void store_kv(const KvView& view, std::int64_t position, const float* key, const float* value) {
    const std::int64_t block = position / kKvBlockTokens;
    const std::int64_t inside = position % kKvBlockTokens;
    const std::int64_t tile = inside / kKeyTile * kKeyTile * view.head_dim + inside % kKeyTile;
    for (std::int64_t head = 0; head < view.kv_heads; ++head) {
        float* keys = view.keys(block, head) + tile;
        float* values = view.values(block, head) + inside * view.head_dim;
        for (std::int64_t d = 0; d < view.head_dim; ++d) {
            keys[d * kKeyTile] = key[head * view.head_dim + d];
            values[d] = value[head * view.head_dim + d];
        }
    }
}

}  // namespace capstan::engine
