#include "engine/model/model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "engine/model/rope.h"

namespace capstan::engine {
namespace {

// Below this many multiplications a loop is not worth waking other threads.
constexpr std::int64_t kSharedWorkMin = 100'000;

void grow(std::vector<float>& buffer, std::int64_t count) {
    if (std::cmp_less(buffer.size(), count)) {
        buffer.resize(static_cast<std::size_t>(count));
    }
}

}  // namespace

Model::Model(ModelConfig config, Weights weights, std::unique_ptr<ThreadTeam> team)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      kernels_(kernels::best_kernels()),
      team_(std::move(team)),
      attention_(kernels_, *team_),
      frequencies_(rope_frequencies(config_.rope, config_.head_dim)) {}

Result<std::unique_ptr<Model>> Model::open(const std::filesystem::path& directory, int threads) {
    if (threads < 1 || threads > 1024) {
        return Error{ErrorCode::kInvalid, "threads must be 1 to 1024"};
    }
    auto config = read_config(directory);
    if (!config) {
        return config.error();
    }
    auto team = std::make_unique<ThreadTeam>(threads);
    auto weights = load_weights(directory, *config, *team);
    if (!weights) {
        return with_context("model '" + directory.string() + "'", weights.error());
    }
    return std::unique_ptr<Model>(new Model(std::move(*config), std::move(*weights), std::move(team)));
}

std::span<const float> Model::forward(std::span<const BatchRow> rows) {
    prepare(rows);
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
        attention_block(rows, layer);
        mlp_block(rows, layer);
    }
    return head(rows);
}

// Embeddings, angles and scratch.
void Model::prepare(std::span<const BatchRow> rows) {
    const auto count = static_cast<std::int64_t>(rows.size());
    const std::int64_t half = config_.head_dim / 2;
    grow(hidden_, count * config_.hidden);
    grow(normed_, count * config_.hidden);
    grow(cosines_, count * half);
    grow(sines_, count * half);
    grow(query_, count * config_.heads * config_.head_dim);
    grow(key_, count * config_.kv_heads * config_.head_dim);
    grow(value_, count * config_.kv_heads * config_.head_dim);
    grow(attended_, count * config_.heads * config_.head_dim);
    grow(gate_, count * config_.intermediate);
    grow(up_, count * config_.intermediate);
    grow(projected_, count * config_.hidden);
    for (std::int64_t i = 0; i < count; ++i) {
        const BatchRow& row = rows[static_cast<std::size_t>(i)];
        CHECK(row.token >= 0 && row.token < config_.vocabulary, "a token is in the vocabulary");
        CHECK(row.position >= 0 && row.position < row.kv->tokens_max(), "a position is in the cache");
        weights_.embedding.read_row(row.token, hidden_.data() + i * config_.hidden);
        for (std::int64_t d = 0; d < half; ++d) {
            const float angle = static_cast<float>(row.position) * frequencies_[static_cast<std::size_t>(d)];
            cosines_[static_cast<std::size_t>(i * half + d)] = std::cos(angle);
            sines_[static_cast<std::size_t>(i * half + d)] = std::sin(angle);
        }
    }
}

void Model::attention_block(std::span<const BatchRow> rows, std::int64_t layer) {
    const auto count = static_cast<std::int64_t>(rows.size());
    normalise(weights_.layers[static_cast<std::size_t>(layer)].attention_norm, count);
    inputs_.assign(normed_.data(), count, config_.hidden);
    project(rows, layer, Projection::kQuery, normed_.data(), query_.data());
    project(rows, layer, Projection::kKey, normed_.data(), key_.data());
    project(rows, layer, Projection::kValue, normed_.data(), value_.data());
    const std::int64_t kv_size = config_.kv_heads * config_.head_dim;
    for (std::int64_t i = 0; i < count; ++i) {
        kernels::RopeWork rope = {
            .x = query_.data() + i * config_.heads * config_.head_dim,
            .heads = config_.heads,
            .head_dim = config_.head_dim,
            .cosines = cosines_.data() + i * config_.head_dim / 2,
            .sines = sines_.data() + i * config_.head_dim / 2,
        };
        kernels_.rope(rope);
        rope.x = key_.data() + i * kv_size;
        rope.heads = config_.kv_heads;
        kernels_.rope(rope);
        const BatchRow& row = rows[static_cast<std::size_t>(i)];
        store_kv(row.kv->layer(layer), row.position, key_.data() + i * kv_size, value_.data() + i * kv_size);
    }
    const AttentionShape shape = {
        .heads = config_.heads,
        .kv_heads = config_.kv_heads,
        .head_dim = config_.head_dim,
        .scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim)),
    };
    attention_.run(rows, layer, shape, query_.data(), attended_.data());
    inputs_.assign(attended_.data(), count, config_.heads * config_.head_dim);
    project(rows, layer, Projection::kOutput, attended_.data(), projected_.data());
    add(hidden_.data(), projected_.data(), 1, count * config_.hidden);
}

void Model::mlp_block(std::span<const BatchRow> rows, std::int64_t layer) {
    const auto count = static_cast<std::int64_t>(rows.size());
    normalise(weights_.layers[static_cast<std::size_t>(layer)].mlp_norm, count);
    inputs_.assign(normed_.data(), count, config_.hidden);
    project(rows, layer, Projection::kGate, normed_.data(), gate_.data());
    project(rows, layer, Projection::kUp, normed_.data(), up_.data());
    kernels_.swiglu(
        {.gate = gate_.data(), .up = up_.data(), .out = gate_.data(), .count = count * config_.intermediate}
    );
    inputs_.assign(gate_.data(), count, config_.intermediate);
    project(rows, layer, Projection::kDown, gate_.data(), projected_.data());
    add(hidden_.data(), projected_.data(), 1, count * config_.hidden);
}

std::span<const float> Model::head(std::span<const BatchRow> rows) {
    head_rows_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].wants_logits) {
            // Rows that want none are dropped; the others move up in place.
            std::copy_n(
                hidden_.data() + static_cast<std::int64_t>(i) * config_.hidden,
                config_.hidden,
                hidden_.data() + static_cast<std::int64_t>(head_rows_.size()) * config_.hidden
            );
            head_rows_.push_back(rows[i]);
        }
    }
    const auto count = static_cast<std::int64_t>(head_rows_.size());
    normalise(weights_.final_norm, count);
    grow(logits_, count * config_.vocabulary);
    inputs_.assign(normed_.data(), count, config_.hidden);
    const kernels::PackedMatrix& matrix = config_.tied_embeddings ? weights_.embedding : weights_.head.weight;
    kernels::multiply(matrix, inputs_, logits_.data(), *team_);
    add_adapters(
        head_rows_, [](const Adapter& adapter) { return adapter.head(); }, normed_.data(), logits_.data()
    );
    return std::span(logits_).first(static_cast<std::size_t>(count * config_.vocabulary));
}

void Model::normalise(const std::vector<float>& weight, std::int64_t rows) {
    for (std::int64_t i = 0; i < rows; ++i) {
        kernels_.rms_norm({
            .x = hidden_.data() + i * config_.hidden,
            .weight = weight.data(),
            .out = normed_.data() + i * config_.hidden,
            .count = config_.hidden,
            .epsilon = static_cast<float>(config_.norm_epsilon),
        });
    }
}

void Model::project(
    std::span<const BatchRow> rows, std::int64_t layer, Projection projection, const float* x, float* y
) {
    const Linear& linear = weights_.layers[static_cast<std::size_t>(layer)][projection];
    kernels::multiply(linear.weight, inputs_, y, *team_);
    if (!linear.bias.empty()) {
        const std::int64_t out = linear.weight.rows();
        for (std::int64_t i = 0; i < std::ssize(rows); ++i) {
            add(y + i * out, linear.bias.data(), 1, out);
        }
    }
    add_adapters(rows, [&](const Adapter& adapter) { return adapter.find(layer, projection); }, x, y);
}

void Model::matmul(const kernels::WeightMatrix& weights, const float* x, std::int64_t rows, float* y) {
    constexpr std::int64_t kRowGrain = 8;
    const bool is_small = weights.rows * weights.columns * rows < kSharedWorkMin;
    team_->run(
        weights.rows,
        is_small ? weights.rows : kRowGrain,
        [&](int, std::int64_t begin, std::int64_t end) {
            kernels_.matmul(
                {.weights = weights, .x = x, .tokens = rows, .y = y, .row_begin = begin, .row_end = end}
            );
        }
    );
}

// Adds each adapter's part to the rows that use it; neighbouring rows with one adapter go together.
template <typename PairOf>
void Model::add_adapters(std::span<const BatchRow> rows, const PairOf& pair_of, const float* x, float* y) {
    for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin + 1;
        while (end < rows.size() && rows[end].adapter == rows[begin].adapter) {
            ++end;
        }
        const LoraPair* pair = rows[begin].adapter == nullptr ? nullptr : pair_of(*rows[begin].adapter);
        if (pair != nullptr) {
            const auto count = static_cast<std::int64_t>(end - begin);
            const auto first = static_cast<std::int64_t>(begin);
            grow(lora_inner_, count * pair->a.rows);
            grow(lora_outer_, count * pair->b.rows);
            matmul(pair->a, x + first * pair->a.columns, count, lora_inner_.data());
            matmul(pair->b, lora_inner_.data(), count, lora_outer_.data());
            add(y + first * pair->b.rows, lora_outer_.data(), pair->scale, count * pair->b.rows);
        }
        begin = end;
    }
}

void Model::add(float* y, const float* x, float scale, std::int64_t count) const {
    kernels_.add({.y = y, .x = x, .scale = scale, .count = count});
}

}  // namespace capstan::engine
