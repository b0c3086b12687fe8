#pragma once

// Adds to products what each row's adapter adds: rows of many adapters in one pass over the threads.
//
// Rows are taken by adapter, a few at a time, so that those of one adapter share its weights in cache; each
// row's sums are made in an order of its own, so they do not depend on the batch.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/lora.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/batch.h"

namespace capstan::engine {

// One projection of a group.
struct AdapterOutput {
    std::size_t part = 0;
    float* y = nullptr;  // [rows, outputs]
    std::int64_t outputs = 0;
};

// Used by one thread at a time.
class AdapterSum {
public:
    explicit AdapterSum(ThreadTeam& team)
        : table_(kernels::lora_table_for(kernels::best_kernels().isa)), team_(team) {}

    // y += scale · B · (A · x) for each output and each row. `group_of(adapter)` is a LoraGroup of inputs
    // of `columns`, or null; `x` is [rows, columns].
    template <typename GroupOf>
    void add(
        std::span<const BatchRow> rows,
        const GroupOf& group_of,
        const float* x,
        std::int64_t columns,
        std::span<const AdapterOutput> outputs
    ) {
        entries_.clear();
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const LoraGroup* group = rows[i].adapter == nullptr ? nullptr : group_of(*rows[i].adapter);
            if (group != nullptr) {
                entries_.push_back({.group = group, .row = static_cast<std::int64_t>(i)});
            }
        }
        if (!entries_.empty()) {
            run(x, columns, outputs);
        }
    }

private:
    struct Entry {
        const LoraGroup* group = nullptr;
        std::int64_t row = 0;
    };

    // Entries of one adapter.
    struct Block {
        const LoraGroup* group = nullptr;
        std::size_t first = 0;
        std::int64_t rows = 0;
    };

    void run(const float* x, std::int64_t columns, std::span<const AdapterOutput> outputs);
    void make_blocks();
    void run_inner(const Block& block, std::int64_t tile, const float* x, std::int64_t columns);
    void run_outer(const Block& block, const AdapterOutput& output, std::int64_t tile);
    // `tile` counts through all outputs.
    void run_outer(const Block& block, std::span<const AdapterOutput> outputs, std::int64_t tile);

    const kernels::LoraTable& table_;
    ThreadTeam& team_;
    std::vector<Entry> entries_;
    std::vector<Block> blocks_;
    std::int64_t inner_tiles_ = 0;  // Of the group with most ranks.
    std::vector<float> inner_;      // [entries, inner_tiles_ · kLoraRanks]
};

}  // namespace capstan::engine
