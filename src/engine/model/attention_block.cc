#include "engine/model/attention_block.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/model/row_loop.h"

namespace capstan::engine {

AttentionBlock::AttentionBlock(const Parts& parts)
    : parts_(parts), rotary_(parts.config, parts.kernels), attention_(parts.kernels, parts.team) {}

void AttentionBlock::prepare(std::span<const BatchRow> rows) {
    const auto count = static_cast<std::int64_t>(rows.size());
    const ModelConfig& config = parts_.config;
    grow(query_, count * config.heads * config.head_dim);
    grow(key_, count * config.kv_heads * config.head_dim);
    grow(value_, count * config.kv_heads * config.head_dim);
    grow(attended_, count * config.heads * config.head_dim);
    rotary_.prepare(rows, parts_.team);
}

void AttentionBlock::project(std::span<const BatchRow> rows, std::int64_t layer, const float* x) {
    const std::array<Product, 3> products = {{
        {.projection = Projection::kQuery, .out = query_.data()},
        {.projection = Projection::kKey, .out = key_.data()},
        {.projection = Projection::kValue, .out = value_.data()},
    }};
    parts_.projector.project(rows, layer, x, products);
    const ModelConfig& config = parts_.config;
    const std::int64_t work = (config.heads + 2 * config.kv_heads) * config.head_dim;
    for_rows(parts_.team, static_cast<std::int64_t>(rows.size()), work, [&](std::int64_t i) {
        finish_row(rows[static_cast<std::size_t>(i)], i, layer);
    });
}

// Biases, norms of heads, rope; then key and value are stored.
void AttentionBlock::finish_row(const BatchRow& row, std::int64_t index, std::int64_t layer) {
    const ModelConfig& config = parts_.config;
    const LayerWeights& weights = parts_.weights.layers[static_cast<std::size_t>(layer)];
    float* query = query_.data() + index * config.heads * config.head_dim;
    float* key = key_.data() + index * config.kv_heads * config.head_dim;
    float* value = value_.data() + index * config.kv_heads * config.head_dim;
    parts_.math.add_bias(query, weights[Projection::kQuery]);
    parts_.math.add_bias(key, weights[Projection::kKey]);
    parts_.math.add_bias(value, weights[Projection::kValue]);
    normalise_heads(weights.query_norm, query, config.heads);
    normalise_heads(weights.key_norm, key, config.kv_heads);
    const bool is_local = config.plan(layer).uses_local_rope;
    rotary_.turn(index, is_local, query, config.heads);
    rotary_.turn(index, is_local, key, config.kv_heads);
    attention_.store(row, layer, key, value);
}

void AttentionBlock::normalise_heads(const Norm& norm, float* x, std::int64_t heads) const {
    const std::int64_t head_dim = parts_.config.head_dim;
    for (std::int64_t head = 0; head < heads && !norm.empty(); ++head) {
        parts_.math.normalise(norm, x + head * head_dim, x + head * head_dim, head_dim);
    }
}

void AttentionBlock::move_query(std::int64_t from, std::int64_t to) {
    const std::int64_t size = parts_.config.heads * parts_.config.head_dim;
    if (from != to) {
        std::copy_n(query_.data() + from * size, size, query_.data() + to * size);
    }
}

void AttentionBlock::attend(std::span<const BatchRow> rows, std::int64_t layer, float* out) {
    const ModelConfig& config = parts_.config;
    const double scale = config.attention_scale != 0 ? config.attention_scale
                                                     : 1 / std::sqrt(static_cast<double>(config.head_dim));
    const AttentionShape shape = {
        .heads = config.heads,
        .kv_heads = config.kv_heads,
        .head_dim = config.head_dim,
        .scale = static_cast<float>(scale),
        .window = config.plan(layer).window,
        .score_softcap = static_cast<float>(config.score_softcap),
    };
    attention_.run(rows, layer, shape, query_.data(), attended_.data());
    const std::array<Product, 1> product = {{{.projection = Projection::kOutput, .out = out}}};
    parts_.projector.project(rows, layer, attended_.data(), product);
}

}  // namespace capstan::engine
