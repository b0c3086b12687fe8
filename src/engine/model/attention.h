#pragma once

// Attention of a batch over the pages of its sequences: the part of a layer in which rows look at other
// positions.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/cache/kv_cache.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/batch.h"

namespace capstan::engine {

struct AttentionShape {
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;  // Divides `heads`.
    std::int64_t head_dim = 0;
    float scale = 1;          // Of the scores.
    std::int64_t window = 0;  // Positions that a row sees, its own among them; 0: all before it.
    float score_softcap = 0;  // c: scores become c · tanh(score / c); 0: none.
};

// Owns the scratch of its threads. Used by one thread at a time.
class Attention {
public:
    Attention(const kernels::KernelTable& kernels, ThreadTeam& team) : kernels_(kernels), team_(team) {}

    // out[r] = attention of row r's heads. Keys and values of all rows are in the cache already; a row looks
    // at positions up to its own. `query` and `out` are [rows, heads, head_dim]. A row's result does not
    // depend, to the bit, on the other rows.
    void run(
        std::span<const BatchRow> rows,
        std::int64_t layer,
        const AttentionShape& shape,
        const float* query,
        float* out
    );

private:
    const kernels::KernelTable& kernels_;
    ThreadTeam& team_;
    std::vector<std::vector<float>> scores_;  // One a thread.
};

}  // namespace capstan::engine
