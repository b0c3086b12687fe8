#include "engine/model/model.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/model/row_loop.h"

namespace capstan::engine {

Model::Model(ModelConfig config, Weights weights, std::unique_ptr<ThreadTeam> team)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      team_(std::move(team)),
      math_(config_, kernels::best_kernels()),
      projector_(weights_, *team_),
      attention_({config_, weights_, kernels::best_kernels(), math_, projector_, *team_}),
      mlp_({config_, weights_, math_, projector_, *team_}),
      experts_({config_, weights_, math_, projector_, *team_}) {}

Result<std::unique_ptr<Model>> Model::open(
    const std::filesystem::path& directory, int threads, kernels::PackAs pack_as
) {
    if (threads < 1 || threads > 1024) {
        return Error{ErrorCode::kInvalid, "threads must be 1 to 1024"};
    }
    auto config = read_config(directory);
    if (!config) {
        return config.error();
    }
    auto team = std::make_unique<ThreadTeam>(threads);
    auto weights = load_weights(directory, *config, *team, pack_as);
    if (!weights) {
        return with_context("model '" + directory.string() + "'", weights.error());
    }
    config->is_packed_small =
        kernels::bits_of(weights->layers.front()[Projection::kOutput].weight.format()) <= 8;
    return std::unique_ptr<Model>(new Model(std::move(*config), std::move(*weights), std::move(team)));
}

std::span<const float> Model::forward(std::span<const BatchRow> rows) {
    run_layers(rows);
    const auto count = static_cast<std::int64_t>(kept_rows_.size());
    const auto vocabulary = static_cast<std::size_t>(config_.vocabulary);
    if (count == 0) {
        return {};
    }
    grow(logits_, count * config_.vocabulary);
    projector_.head(kept_rows_, normed_.data(), logits_.data());
    if (config_.logit_softcap != 0) {
        for_rows(*team_, count, config_.vocabulary, [&](std::int64_t i) {
            math_.soft_cap(
                logits_.data() + i * config_.vocabulary,
                static_cast<float>(config_.logit_softcap),
                config_.vocabulary
            );
        });
    }
    return std::span(logits_).first(kept_rows_.size() * vocabulary);
}

std::span<const float> Model::forward_hidden(std::span<const BatchRow> rows) {
    run_layers(rows);
    return std::span(normed_).first(kept_rows_.size() * static_cast<std::size_t>(config_.hidden));
}

void Model::run_layers(std::span<const BatchRow> rows) {
    embed(rows);
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
        const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(layer)];
        const bool is_last = layer + 1 == config_.layers;
        attention_.project(rows, layer, normed_.data());
        if (is_last) {
            keep_wanted(rows);
            rows = kept_rows_;
        }
        if (rows.empty()) {
            return;
        }
        const auto count = static_cast<std::int64_t>(rows.size());
        attention_.attend(rows, layer, projected_.data());
        close_block(count, &weights[Projection::kOutput], weights.attention_post_norm, weights.mlp_norm);
        const bool has_experts = config_.plan(layer).has_experts;
        if (has_experts) {
            experts_.run(count, layer, normed_.data(), projected_.data());
        } else {
            mlp_.run(rows, layer, normed_.data(), projected_.data());
        }
        close_block(
            count,
            has_experts ? nullptr : &weights[Projection::kDown],
            weights.mlp_post_norm,
            is_last ? weights_.final_norm
                    : weights_.layers[static_cast<std::size_t>(layer) + 1].attention_norm
        );
    }
}

void Model::embed(std::span<const BatchRow> rows) {
    const auto count = static_cast<std::int64_t>(rows.size());
    grow(hidden_, count * config_.hidden);
    grow(normed_, count * config_.hidden);
    grow(projected_, count * config_.hidden);
    for (const BatchRow& row : rows) {
        CHECK(row.token >= 0 && row.token < config_.vocabulary, "a token is in the vocabulary");
        CHECK(row.position >= 0 && row.position < row.kv->tokens_max(), "a position is in the cache");
        CHECK(config_.has_rope || row.position < config_.positions_max, "learned positions have an end");
    }
    for_rows(*team_, count, 4 * config_.hidden, [&](std::int64_t i) {
        const BatchRow& row = rows[static_cast<std::size_t>(i)];
        float* hidden = hidden_.data() + i * config_.hidden;
        float* normed = normed_.data() + i * config_.hidden;
        weights_.embedding.read_row(row.token, hidden);
        if (config_.embedding_scale != 1) {
            const auto scale = static_cast<float>(config_.embedding_scale);
            std::transform(hidden, hidden + config_.hidden, hidden, [&](float x) { return x * scale; });
        }
        if (!weights_.positions.empty()) {
            weights_.positions.read_row(row.position, normed);
            math_.add(hidden, normed, 1, config_.hidden);
        }
        math_.normalise(weights_.layers.front().attention_norm, hidden, normed, config_.hidden);
    });
    attention_.prepare(rows);
}

// In the last layer the others have left their keys and values, and are done; those that stay move up.
void Model::keep_wanted(std::span<const BatchRow> rows) {
    kept_rows_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].wants_logits) {
            const auto from = static_cast<std::int64_t>(i);
            const auto to = static_cast<std::int64_t>(kept_rows_.size());
            attention_.move_query(from, to);
            if (from != to) {
                std::copy_n(
                    hidden_.data() + from * config_.hidden,
                    config_.hidden,
                    hidden_.data() + to * config_.hidden
                );
            }
            kept_rows_.push_back(rows[i]);
        }
    }
}

void Model::close_block(
    std::int64_t rows, const Linear* linear, const Norm& post_norm, const Norm& next_norm
) {
    for_rows(*team_, rows, 4 * config_.hidden, [&](std::int64_t i) {
        float* projected = projected_.data() + i * config_.hidden;
        float* hidden = hidden_.data() + i * config_.hidden;
        if (linear != nullptr) {
            math_.add_bias(projected, *linear);
        }
        if (!post_norm.empty()) {
            math_.normalise(post_norm, projected, projected, config_.hidden);
        }
        math_.add(hidden, projected, 1, config_.hidden);
        math_.normalise(next_norm, hidden, normed_.data() + i * config_.hidden, config_.hidden);
    });
}

}  // namespace capstan::engine
