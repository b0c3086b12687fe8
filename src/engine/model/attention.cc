#include "engine/model/attention.h"

#include <algorithm>
#include <atomic>

namespace capstan::engine {
namespace {

using kernels::AttentionSums;
using kernels::AttentionTile;

// Below this many multiplications a loop is not worth waking other threads.
constexpr std::int64_t kSharedWorkMin = 100'000;
// So many that what is done once for each key is little, and a multiple of what kernels compute side by side.
constexpr std::int64_t kTileQueries = 120;
constexpr std::int64_t kLineFloats = 16;
// Items for each thread that even out their ends; with fewer, long contexts are split.
constexpr std::int64_t kItemsPerThread = 4;

// The first element at the beginning of a cache line: vectors that cross none load twice as fast.
float* aligned(std::vector<float>& buffer) {
    const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
    constexpr std::uintptr_t kLine = kLineFloats * sizeof(float);
    return buffer.data() + (kLine - address % kLine) % kLine / sizeof(float);
}

}  // namespace

void Attention::store(const BatchRow& row, std::int64_t layer, const float* key, const float* value) const {
    kernels_.store(
        {.kv = row.kv->layer(layer), .position = row.position, .rows = 1, .keys = key, .values = value}
    );
}

void Attention::run(
    std::span<const BatchRow> rows,
    std::int64_t layer,
    const AttentionShape& shape,
    const float* query,
    float* out
) {
    segments_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool continues =
            i > 0 && rows[i].kv == rows[i - 1].kv && rows[i].position == rows[i - 1].position + 1;
        if (continues) {
            ++segments_.back().rows;
        } else {
            segments_.push_back({
                .first_row = static_cast<std::int64_t>(i),
                .rows = 1,
                .position = rows[i].position,
                .tokens = 0,
                .kv = rows[i].kv->layer(layer),
            });
        }
    }
    run_segments({.shape = shape, .query = query, .out = out});
}

void Attention::run_whole(const WholeTexts& texts, const AttentionShape& shape, float* out) {
    const KvShape kv_shape = {
        .layers = 1, .kv_heads = shape.kv_heads, .head_dim = shape.head_dim, .type = KvType::kF32
    };
    std::int64_t pages = 0;
    for (const std::int64_t length : texts.lengths) {
        pages += (length + kKvBlockTokens - 1) / kKvBlockTokens;
    }
    text_pages_.resize(std::max(text_pages_.size(), static_cast<std::size_t>(pages * kv_shape.block_bytes()))
    );
    text_blocks_.clear();
    for (std::int64_t page = 0; page < pages; ++page) {
        text_blocks_.push_back(text_pages_.data() + page * kv_shape.block_bytes());
    }
    segments_.clear();
    std::int64_t first = 0;
    std::int64_t page = 0;
    for (const std::int64_t length : texts.lengths) {
        const KvView kv = {
            .blocks = text_blocks_.data() + page,
            .layer_offset = 0,
            .kv_heads = shape.kv_heads,
            .head_dim = shape.head_dim,
            .type = KvType::kF32
        };
        segments_.push_back({.first_row = first, .rows = length, .position = 0, .tokens = length, .kv = kv});
        first += length;
        page += (length + kKvBlockTokens - 1) / kKvBlockTokens;
    }
    const auto count = static_cast<std::int64_t>(segments_.size());
    team_.run(count, 1, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const Segment& segment = segments_[static_cast<std::size_t>(i)];
            const std::int64_t from = segment.first_row * shape.kv_heads * shape.head_dim;
            kernels_.store({
                .kv = segment.kv,
                .position = 0,
                .rows = segment.rows,
                .keys = texts.keys + from,
                .values = texts.values + from,
            });
        }
    });
    run_segments({.shape = shape, .query = texts.query, .out = out});
}

// Tiles of one segment, for each key/value head.
void Attention::cut(const Call& call, const Segment& segment) {
    const AttentionShape& shape = call.shape;
    const std::int64_t group = shape.heads / shape.kv_heads;
    const std::int64_t tile_rows = std::max<std::int64_t>(1, kTileQueries / group);
    for (std::int64_t begin = 0; begin < segment.rows; begin += tile_rows) {
        for (std::int64_t kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
            const std::int64_t first = segment.first_row + begin;
            Item item;
            item.tile = {
                .query = call.query + (first * shape.heads + kv_head * group) * shape.head_dim,
                .query_stride = shape.heads * shape.head_dim,
                .rows = std::min(tile_rows, segment.rows - begin),
                .group = group,
                .position = segment.position + begin,
                .kv = segment.kv,
                .kv_head = kv_head,
                .scale = shape.scale,
                .softcap = shape.score_softcap,
                .window = shape.window,
                .tokens = segment.tokens
            };
            item.first_row = first;
            item.first_span = item.tile.first_span();
            item.last_span = item.tile.last_span();
            const std::int64_t seen = item.tile.end(item.tile.queries() - 1) - item.tile.begin(0);
            item.cost = item.tile.queries() * seen;
            items_.push_back(item);
        }
    }
}

void Attention::run_segments(const Call& call) {
    items_.clear();
    for (const Segment& segment : segments_) {
        cut(call, segment);
    }
    std::int64_t queries = 0;
    std::int64_t cost = 0;
    for (const Item& item : items_) {
        queries = std::max(queries, item.tile.queries());
        cost += item.cost;
    }
    reserve(queries, call.shape.head_dim);
    split_items_.clear();
    if (team_.threads() > 1 && std::ssize(items_) < kItemsPerThread * team_.threads()) {
        split_spans();
    }
    const bool is_small = cost * call.shape.head_dim * 2 < kSharedWorkMin;
    const auto out_of = [&](const Item& item) { return call.out + (item.tile.query - call.query); };
    if (split_items_.empty()) {
        // The long ones first, so that the threads end together.
        std::ranges::sort(items_, std::ranges::greater(), &Item::cost);
        share(items_, is_small, [&](const Item& item, int thread) { compute(item, thread, out_of(item)); });
    } else {
        share(split_items_, is_small, [&](const Item& item, int thread) { compute(item, thread, nullptr); });
        share(items_, is_small, [&](const Item& item, int) { join(item, out_of(item)); });
    }
}

// Makes an item of each span of each tile.
void Attention::split_spans() {
    std::int64_t sums = 0;
    for (Item& item : items_) {
        item.sums = sums;
        for (std::int64_t span = item.first_span; span <= item.last_span; ++span) {
            Item part = item;
            part.first_span = span;
            part.last_span = span;
            part.sums = sums;
            split_items_.push_back(part);
            sums += AttentionSums::size(item.tile.queries(), item.tile.kv.head_dim);
        }
    }
    if (split_items_.size() == items_.size()) {
        split_items_.clear();
        return;
    }
    split_sums_.resize(std::max(split_sums_.size(), static_cast<std::size_t>(sums)));
}

void Attention::reserve(std::int64_t queries, std::int64_t head_dim) {
    const std::int64_t size = 2 * AttentionSums::size(queries, head_dim) +
                              kernels::attention_scratch(queries, head_dim) + kLineFloats;
    scratch_.resize(static_cast<std::size_t>(team_.threads()));
    for (auto& buffer : scratch_) {
        buffer.resize(std::max(buffer.size(), static_cast<std::size_t>(size)));
    }
}

template <typename Work>
void Attention::share(std::span<const Item> items, bool is_small, const Work& work) {
    std::atomic<std::size_t> next = 0;
    team_.run(is_small ? 1 : team_.threads(), 1, [&](int thread, std::int64_t, std::int64_t) {
        for (std::size_t i = next++; i < items.size(); i = next++) {
            work(items[i], thread);
        }
    });
}

// `out` is null when the item is a part of a tile.
void Attention::compute(const Item& item, int thread, float* out) {
    const AttentionTile& tile = item.tile;
    const std::int64_t queries = tile.queries();
    const std::int64_t size = AttentionSums::size(queries, tile.kv.head_dim);
    float* scratch = aligned(scratch_[static_cast<std::size_t>(thread)]);
    if (out == nullptr) {
        const auto sums = AttentionSums::at(split_sums_.data() + item.sums, queries);
        kernels_.span(tile, item.first_span, sums, scratch);
        return;
    }
    const auto all = AttentionSums::at(scratch, queries);
    const auto one = AttentionSums::at(scratch + size, queries);
    kernels_.span(tile, item.first_span, all, scratch + 2 * size);
    for (std::int64_t span = item.first_span + 1; span <= item.last_span; ++span) {
        kernels_.span(tile, span, one, scratch + 2 * size);
        kernels_.merge({.into = all, .from = one, .queries = queries, .head_dim = tile.kv.head_dim});
    }
    kernels::finish(tile, all, out);
}

// The parts of a tile that was split, in the order of their positions.
void Attention::join(const Item& item, float* out) {
    const AttentionTile& tile = item.tile;
    const std::int64_t queries = tile.queries();
    const std::int64_t size = AttentionSums::size(queries, tile.kv.head_dim);
    float* parts = split_sums_.data() + item.sums;
    const auto all = AttentionSums::at(parts, queries);
    for (std::int64_t part = 1; part <= item.last_span - item.first_span; ++part) {
        const auto next = AttentionSums::at(parts + part * size, queries);
        kernels_.merge({.into = all, .from = next, .queries = queries, .head_dim = tile.kv.head_dim});
    }
    kernels::finish(tile, all, out);
}

}  // namespace capstan::engine
