#include "engine/model/adapter_sum.h"

#include <algorithm>
#include <functional>

#include "engine/model/row_loop.h"

namespace capstan::engine {
namespace {

// Below this many weights a loop is not worth waking other threads.
constexpr std::int64_t kSharedWeightsMin = 16'384;

std::int64_t tiles_of(const AdapterOutput& output) {
    return (output.outputs + kernels::kLoraOutputs - 1) / kernels::kLoraOutputs;
}

}  // namespace

void AdapterSum::run(const float* x, std::int64_t columns, std::span<const AdapterOutput> outputs) {
    make_blocks();
    grow(inner_, std::ssize(entries_) * inner_tiles_ * kernels::kLoraRanks);
    std::int64_t outer_tiles = 0;
    for (const AdapterOutput& output : outputs) {
        outer_tiles += tiles_of(output);
    }
    const std::int64_t blocks = std::ssize(blocks_);
    const std::int64_t weights =
        inner_tiles_ * kernels::kLoraRanks * (columns + outer_tiles * kernels::kLoraOutputs);
    const auto block_at = [&](std::int64_t index) -> const Block& {
        return blocks_[static_cast<std::size_t>(index)];
    };
    if (blocks >= 2 * team_.threads() || blocks * weights < kSharedWeightsMin) {
        // Enough blocks for all: each thread takes its own from begin to end.
        const std::int64_t grain = blocks * weights < kSharedWeightsMin ? blocks : 1;
        team_.run(blocks, grain, [&](int, std::int64_t begin, std::int64_t end) {
            for (std::int64_t index = begin; index < end; ++index) {
                for (std::int64_t tile = 0; tile < inner_tiles_; ++tile) {
                    run_inner(block_at(index), tile, x, columns);
                }
                for (std::int64_t tile = 0; tile < outer_tiles; ++tile) {
                    run_outer(block_at(index), outputs, tile);
                }
            }
        });
        return;
    }
    team_.run(blocks * inner_tiles_, 1, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t item = begin; item < end; ++item) {
            run_inner(block_at(item / inner_tiles_), item % inner_tiles_, x, columns);
        }
    });
    team_.run(blocks * outer_tiles, 1, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t item = begin; item < end; ++item) {
            run_outer(block_at(item / outer_tiles), outputs, item % outer_tiles);
        }
    });
}

void AdapterSum::make_blocks() {
    std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
        return a.group != b.group ? std::less<>()(a.group, b.group) : a.row < b.row;
    });
    blocks_.clear();
    inner_tiles_ = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const LoraGroup* group = entries_[i].group;
        if (blocks_.empty() || blocks_.back().group != group ||
            blocks_.back().rows == kernels::kLoraRowsMax) {
            blocks_.push_back({.group = group, .first = i});
            inner_tiles_ = std::max(inner_tiles_, group->a.tiles());
        }
        ++blocks_.back().rows;
    }
}

void AdapterSum::run_inner(const Block& block, std::int64_t tile, const float* x, std::int64_t columns) {
    const kernels::LoraMatrix& a = block.group->a;
    if (tile >= a.tiles()) {
        return;
    }
    kernels::LoraInnerWork work = {
        .tile = a.tile(tile), .type = a.type(), .columns = columns, .rows = block.rows
    };
    for (std::int64_t i = 0; i < block.rows; ++i) {
        const std::size_t entry = block.first + static_cast<std::size_t>(i);
        work.x[i] = x + entries_[entry].row * columns;
        work.inner[i] =
            inner_.data() + (static_cast<std::int64_t>(entry) * inner_tiles_ + tile) * kernels::kLoraRanks;
    }
    table_.inner(work);
}

void AdapterSum::run_outer(const Block& block, std::span<const AdapterOutput> outputs, std::int64_t tile) {
    for (const AdapterOutput& output : outputs) {
        if (tile < tiles_of(output)) {
            run_outer(block, output, tile);
            return;
        }
        tile -= tiles_of(output);
    }
}

void AdapterSum::run_outer(const Block& block, const AdapterOutput& output, std::int64_t tile) {
    const LoraPart& part = block.group->parts[output.part];
    if (part.b.empty()) {
        return;
    }
    const std::int64_t first = tile * kernels::kLoraOutputs;
    kernels::LoraOuterWork work = {
        .tile = part.b.tile(tile),
        .type = part.b.type(),
        .ranks = part.b.columns(),
        .outputs = std::min(kernels::kLoraOutputs, output.outputs - first),
        .scale = part.scale,
        .rows = block.rows,
    };
    for (std::int64_t i = 0; i < block.rows; ++i) {
        const std::size_t entry = block.first + static_cast<std::size_t>(i);
        work.inner[i] = inner_.data() +
                        static_cast<std::int64_t>(entry) * inner_tiles_ * kernels::kLoraRanks +
                        part.rank_begin;
        work.y[i] = output.y + entries_[entry].row * output.outputs + first;
    }
    table_.outer(work);
}

}  // namespace capstan::engine
