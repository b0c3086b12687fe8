#pragma once

// Attention of a batch over the pages of its sequences: the part of a layer in which rows look at other
// positions. Here the work is cut into tiles and shared by the threads; kernels/attention.h computes.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/cache/kv_cache.h"
#include "engine/kernels/attention.h"
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

// Keys and values of whole texts that need no cache, one after the other.
struct WholeTexts {
    std::span<const std::int64_t> lengths;  // In tokens, each at least 1.
    const float* query = nullptr;           // [all tokens, heads, head_dim]
    const float* keys = nullptr;            // [all tokens, kv_heads, head_dim]
    const float* values = nullptr;          // [all tokens, kv_heads, head_dim]
};

// Owns the scratch of its threads. Used by one thread at a time.
class Attention {
public:
    Attention(const kernels::KernelTable& kernels, ThreadTeam& team)
        : kernels_(kernels::attention_kernels_for(kernels.isa)), team_(team) {}

    // Puts a row's key and value, [kv_heads, head_dim] each, into its page. Several threads may store
    // different rows at a time.
    void store(const BatchRow& row, std::int64_t layer, const float* key, const float* value) const;

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

    // The same for encoders: every token looks at all tokens of its own text.
    void run_whole(const WholeTexts& texts, const AttentionShape& shape, float* out);

private:
    // Rows of one sequence at neighbouring positions.
    struct Segment {
        std::int64_t first_row = 0;
        std::int64_t rows = 0;
        std::int64_t position = 0;
        std::int64_t tokens = 0;  // As in kernels::AttentionTile.
        KvView kv;
    };

    // One tile over some of its spans, for one thread.
    struct Item {
        kernels::AttentionTile tile;
        std::int64_t first_row = 0;
        std::int64_t first_span = 0;
        std::int64_t last_span = 0;
        std::int64_t cost = 0;   // Scores.
        std::int64_t sums = -1;  // Where in split_sums_ the result goes, when the tile is split.
    };

    struct Call {
        const AttentionShape& shape;
        const float* query;
        float* out;
    };

    void run_segments(const Call& call);
    void cut(const Call& call, const Segment& segment);
    void split_spans();
    void reserve(std::int64_t queries, std::int64_t head_dim);
    void compute(const Item& item, int thread, float* out);
    void join(const Item& item, float* out);

    // Calls work(item, thread) for all items, the next to whoever is free.
    template <typename Work>
    void share(std::span<const Item> items, bool is_small, const Work& work);

    const kernels::AttentionKernels& kernels_;
    ThreadTeam& team_;
    std::vector<Segment> segments_;
    std::vector<Item> items_;
    std::vector<Item> split_items_;
    std::vector<float> split_sums_;
    std::vector<std::vector<float>> scratch_;  // One a thread: two AttentionSums and a kernel's scratch.
    std::vector<std::byte> text_pages_;        // Of run_whole.
    std::vector<std::byte*> text_blocks_;
};

}  // namespace capstan::engine
