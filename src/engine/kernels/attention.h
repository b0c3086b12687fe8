#pragma once

// Attention kernels over pages of keys and values (kv_layout.h), in the manner of FlashAttention (Dao et al.
// 2022): scores are never kept for more than a block of positions, and softmax's terms are carried along.
//
// A tile is several positions of one sequence times the heads that share one key/value head: every key and
// value is loaded once for all of them. What a query comes to does not depend, to the bit, on the tile that
// it is in: its running terms are rescaled at fixed positions (each kAttentionBlock), and they begin anew
// every kAttentionSpan positions. The parts of the spans are joined in their order; so a long context may be
// shared by threads, span by span, and gives the same bits.

#include <cstdint>

#include "engine/kernels/kernels.h"
#include "engine/kernels/kv_layout.h"

namespace capstan::engine::kernels {

inline constexpr std::int64_t kAttentionBlock = 64;
inline constexpr std::int64_t kAttentionSpan = 512;  // A multiple of kAttentionBlock.

// The queries of `rows` neighbouring positions, `group` heads each: query i is of row i / group and head
// i % group.
struct AttentionTile {
    const float* query = nullptr;   // [rows, query_stride]; a row begins with [group, head_dim].
    std::int64_t query_stride = 0;  // In floats.
    std::int64_t rows = 0;
    std::int64_t group = 1;
    std::int64_t position = 0;  // Of the first row.
    KvView kv;
    std::int64_t kv_head = 0;
    float scale = 1;          // Of the scores.
    float softcap = 0;        // c: scores become c · tanh(score / c); 0: none.
    std::int64_t window = 0;  // Positions that a row sees, its own among them; 0: all before it.
    std::int64_t tokens = 0;  // Above 0: every row sees positions [0, tokens), also those behind it.

    std::int64_t queries() const { return rows * group; }

    // The positions that query `i` sees: [begin, end).
    std::int64_t begin(std::int64_t i) const {
        const std::int64_t own = position + i / group;
        return window == 0 || own < window ? 0 : own - window + 1;
    }

    std::int64_t end(std::int64_t i) const { return tokens > 0 ? tokens : position + i / group + 1; }

    // The spans that some query sees: [first_span, last_span].
    std::int64_t first_span() const { return begin(0) / kAttentionSpan; }

    std::int64_t last_span() const { return (end(queries() - 1) - 1) / kAttentionSpan; }
};

// What the queries of a tile came to over some positions: out = values / weights.
struct AttentionSums {
    float* largest = nullptr;  // [queries] The largest score, times log2 e.
    float* weights = nullptr;  // [queries] Sum of e^(score - largest).
    float* values = nullptr;   // [queries, kv_padded(head_dim)] Sum of e^(score - largest) · value.

    // In floats, of one that holds `queries`; whole cache lines, each part beginning with one.
    static std::int64_t size(std::int64_t queries, std::int64_t head_dim) {
        return 2 * kv_padded(queries) + queries * kv_padded(head_dim);
    }

    static AttentionSums at(float* memory, std::int64_t queries) {
        const std::int64_t lines = kv_padded(queries);
        return {.largest = memory, .weights = memory + lines, .values = memory + 2 * lines};
    }
};

// Joins `from`, of the positions that follow, into `into`.
struct AttentionMerge {
    AttentionSums into;
    AttentionSums from;
    std::int64_t queries = 0;
    std::int64_t head_dim = 0;
};

// Puts keys and values, [rows, kv_heads, head_dim] each, at positions `position`, `position + 1`, … of one
// sequence.
struct KvStore {
    KvView kv;
    std::int64_t position = 0;
    std::int64_t rows = 0;
    const float* keys = nullptr;
    const float* values = nullptr;
};

struct AttentionKernels {
    Isa isa;
    void (*store)(const KvStore&);
    // Overwrites `sums` with what the tile's queries come to over the positions of one span.
    void (*span)(const AttentionTile&, std::int64_t span, const AttentionSums& sums, float* scratch);
    void (*merge)(const AttentionMerge&);
};

// Sums of no positions, to be merged into.
void clear(const AttentionSums& sums, std::int64_t queries, std::int64_t head_dim);
// Writes the results: [rows, query_stride], like the queries.
void finish(const AttentionTile& tile, const AttentionSums& sums, float* out);
// Floats of scratch that `span` needs for a tile; fastest from the beginning of a cache line on.
std::int64_t attention_scratch(std::int64_t queries, std::int64_t head_dim);

const AttentionKernels& attention_kernels_for(Isa isa);  // `isa` must be supported.

}  // namespace capstan::engine::kernels
