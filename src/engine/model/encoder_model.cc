#include "engine/model/encoder_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/model/pooling.h"
#include "engine/model/row_loop.h"
#include "engine/model/weight_filler.h"

namespace capstan::engine {
namespace {

// Texts are run in parts of about so many tokens: enough to fill the kernels, and scratch stays small.
constexpr std::int64_t kPartTokens = 2048;

void fill_ends(WeightFiller& filler, const EncoderConfig& config, EncoderWeights& weights) {
    const ModelConfig& shape = config.shape;
    const EncoderNames& names = *config.names;
    const std::string base(names.layers.base);
    const auto matrix = [&](std::string_view name, std::int64_t rows, kernels::PackedMatrix& out) {
        filler.matrix(base + std::string(name), rows, shape.hidden, out);
    };
    matrix(names.layers.embedding, shape.vocabulary, weights.embedding);
    matrix(names.layers.positions, shape.positions_max, weights.positions);
    if (config.token_types > 0) {
        matrix(names.token_types, config.token_types, weights.token_types);
    }
    filler.norm(base, names.embedding_norm, shape.hidden, weights.embedding_norm);
}

void fill_score_head(WeightFiller& filler, const EncoderConfig& config, EncoderWeights& weights) {
    const std::int64_t hidden = config.shape.hidden;
    const EncoderNames& names = *config.names;
    const LinearShape dense = {.out = hidden, .in = hidden, .has_bias = true};
    const LinearShape label = {.out = 1, .in = hidden, .has_bias = true};
    const std::string classifier(names.classifier);
    if (config.score_head == ScoreHead::kPooler) {
        const std::string pooler = std::string(names.layers.base) + std::string(names.pooler);
        filler.linear({.module = pooler, .rows_total = hidden}, dense, weights.pooler);
        filler.linear({.module = classifier, .rows_total = 1}, label, weights.classifier);
    } else if (config.score_head == ScoreHead::kDense) {
        filler.linear({.module = classifier + ".dense", .rows_total = hidden}, dense, weights.pooler);
        filler.linear({.module = classifier + ".out_proj", .rows_total = 1}, label, weights.classifier);
    }
}

Result<EncoderWeights> load_encoder_weights(
    const std::filesystem::path& path, const EncoderConfig& config, ThreadTeam& team, kernels::PackAs as
) {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint) {
        return checkpoint.error();
    }
    EncoderWeights weights;
    weights.checkpoint = std::make_unique<Checkpoint>(std::move(*checkpoint));
    TensorLoader loader(weights.checkpoint.get(), team, as);
    const TensorNames& names = config.names->layers;
    if (weights.checkpoint->find(fmt::format("{}{}.weight", names.base, names.embedding)) == nullptr) {
        loader.drop_prefix(names.base);
    }
    WeightFiller filler(loader, config.shape);
    fill_ends(filler, config, weights);
    for (std::int64_t index = 0; index < config.shape.layers && !filler.error(); ++index) {
        fill_layer(filler, config.shape, index, weights.layers.emplace_back());
    }
    fill_score_head(filler, config, weights);
    if (filler.error()) {
        return *filler.error();
    }
    if (auto good = loader.check_all_taken(names.ignored_ends); !good) {
        return good.error();
    }
    return weights;
}

Error stopped() {
    return {ErrorCode::kCancelled, "the call was given up before its texts were read"};
}

}  // namespace

EncoderModel::EncoderModel(EncoderConfig config, EncoderWeights weights, std::unique_ptr<ThreadTeam> team)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      team_(std::move(team)),
      math_(config_.shape, kernels::best_kernels()),
      attention_(kernels::best_kernels(), *team_) {}

Result<std::unique_ptr<EncoderModel>> EncoderModel::open(
    const std::filesystem::path& path, int threads, kernels::PackAs as
) {
    if (threads < 1 || threads > 1024) {
        return Error{ErrorCode::kInvalid, "threads must be 1 to 1024"};
    }
    auto config = read_encoder_config(path);
    if (!config) {
        return config.error();
    }
    auto team = std::make_unique<ThreadTeam>(threads);
    auto weights = load_encoder_weights(path, *config, *team, as);
    if (!weights) {
        return with_context("model '" + path.string() + "'", weights.error());
    }
    return std::unique_ptr<EncoderModel>(
        new EncoderModel(std::move(*config), std::move(*weights), std::move(team))
    );
}

Result<std::vector<float>> EncoderModel::embed(
    std::span<const EncoderText> texts, const MustStop& must_stop
) {
    if (auto good = check(texts); !good) {
        return good.error();
    }
    const auto hidden = static_cast<std::size_t>(config_.shape.hidden);
    std::vector<float> vectors(texts.size() * hidden);
    const bool is_done = run_in_parts(texts, must_stop, [&](std::size_t first, std::size_t count) {
        std::size_t token = 0;
        for (std::size_t i = first; i < first + count; ++i) {
            const std::size_t length = texts[i].tokens.size();
            pool(std::span(hidden_).subspan(token * hidden, length * hidden), vectors.data() + i * hidden);
            token += length;
        }
    });
    return is_done ? Result<std::vector<float>>(std::move(vectors)) : stopped();
}

Result<std::vector<float>> EncoderModel::score(
    std::span<const EncoderText> texts, const MustStop& must_stop
) {
    if (!can_score()) {
        return Error{ErrorCode::kInvalid, "this model makes embeddings; it has no head that scores"};
    }
    if (auto good = check(texts); !good) {
        return good.error();
    }
    const std::int64_t hidden = config_.shape.hidden;
    std::vector<float> scores(texts.size());
    const bool is_done = run_in_parts(texts, must_stop, [&](std::size_t first, std::size_t count) {
        std::size_t token = 0;
        const auto rows = static_cast<std::int64_t>(count);
        for (std::size_t i = 0; i < count; ++i) {
            std::copy_n(
                hidden_.data() + static_cast<std::int64_t>(token) * hidden,
                hidden,
                attended_.data() + static_cast<std::int64_t>(i) * hidden
            );
            token += texts[first + i].tokens.size();
        }
        multiply(weights_.pooler, attended_.data(), rows, projected_.data());
        for (std::int64_t i = 0; i < rows * hidden; ++i) {
            projected_[static_cast<std::size_t>(i)] = std::tanh(projected_[static_cast<std::size_t>(i)]);
        }
        multiply(weights_.classifier, projected_.data(), rows, scores.data() + first);
    });
    return is_done ? Result<std::vector<float>>(std::move(scores)) : stopped();
}

Result<void> EncoderModel::check(std::span<const EncoderText> texts) const {
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const EncoderText& text = texts[i];
        const auto is_below = [](std::span<const llm::TokenId> ids, std::int64_t end) {
            return std::ranges::all_of(ids, [&](llm::TokenId id) { return id >= 0 && id < end; });
        };
        if (text.tokens.empty() || std::cmp_greater(text.tokens.size(), config_.tokens_max)) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "text {} has {} tokens; 1 to {} can be read", i, text.tokens.size(), config_.tokens_max
                )
            };
        }
        if (!is_below(text.tokens, config_.shape.vocabulary)) {
            return Error{ErrorCode::kInvalid, fmt::format("text {} has a token that the model lacks", i)};
        }
        const bool has_types =
            text.types.size() == text.tokens.size() && is_below(text.types, config_.token_types);
        if (!text.types.empty() && !has_types) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("text {} needs a type below {} for each token", i, config_.token_types)
            };
        }
    }
    return {};
}

template <typename Take>
bool EncoderModel::run_in_parts(
    std::span<const EncoderText> texts, const MustStop& must_stop, const Take& take
) {
    for (std::size_t first = 0; first < texts.size();) {
        if (must_stop && must_stop()) {
            return false;
        }
        std::size_t count = 0;
        std::int64_t tokens = 0;
        while (first + count < texts.size()) {
            const auto more = static_cast<std::int64_t>(texts[first + count].tokens.size());
            if (count > 0 && tokens + more > kPartTokens) {
                break;
            }
            tokens += more;
            ++count;
        }
        tokens_ = tokens;
        run(texts.subspan(first, count));
        take(first, count);
        first += count;
    }
    return true;
}

void EncoderModel::run(std::span<const EncoderText> texts) {
    const std::int64_t hidden = config_.shape.hidden;
    for (std::vector<float>* buffer : {&hidden_, &query_, &key_, &value_, &attended_, &projected_}) {
        grow(*buffer, tokens_ * hidden);
    }
    grow(up_, tokens_ * config_.shape.intermediate);
    embed_tokens(texts);
    for (const LayerWeights& layer : weights_.layers) {
        attend(texts, layer);
        close_block(layer[Projection::kOutput], layer.attention_post_norm);
        run_mlp(layer);
        close_block(layer[Projection::kDown], layer.mlp_post_norm);
    }
}

void EncoderModel::embed_tokens(std::span<const EncoderText> texts) {
    const std::int64_t hidden = config_.shape.hidden;
    std::int64_t row = 0;
    for (const EncoderText& text : texts) {
        for (std::size_t i = 0; i < text.tokens.size(); ++i, ++row) {
            float* sum = hidden_.data() + row * hidden;
            float* part = projected_.data() + row * hidden;
            weights_.embedding.read_row(text.tokens[i], sum);
            weights_.positions.read_row(config_.position_offset + static_cast<std::int64_t>(i), part);
            math_.add(sum, part, 1, hidden);
            if (!weights_.token_types.empty()) {
                weights_.token_types.read_row(text.types.empty() ? 0 : text.types[i], part);
                math_.add(sum, part, 1, hidden);
            }
            math_.normalise(weights_.embedding_norm, sum, sum, hidden);
        }
    }
}

void EncoderModel::attend(std::span<const EncoderText> texts, const LayerWeights& weights) {
    multiply(weights[Projection::kQuery], hidden_.data(), tokens_, query_.data());
    multiply(weights[Projection::kKey], hidden_.data(), tokens_, key_.data());
    multiply(weights[Projection::kValue], hidden_.data(), tokens_, value_.data());
    lengths_.clear();
    for (const EncoderText& text : texts) {
        lengths_.push_back(std::ssize(text.tokens));
    }
    const AttentionShape shape = {
        .heads = config_.shape.heads,
        .kv_heads = config_.shape.kv_heads,
        .head_dim = config_.shape.head_dim,
        .scale = 1 / std::sqrt(static_cast<float>(config_.shape.head_dim)),
    };
    attention_.run_whole(
        {.lengths = lengths_, .query = query_.data(), .keys = key_.data(), .values = value_.data()},
        shape,
        attended_.data()
    );
    inputs_.assign(attended_.data(), tokens_, config_.shape.hidden);
    kernels::multiply(weights[Projection::kOutput].weight, inputs_, projected_.data(), *team_);
}

void EncoderModel::run_mlp(const LayerWeights& weights) {
    const std::int64_t size = config_.shape.intermediate;
    const Linear& up = weights[Projection::kUp];
    inputs_.assign(hidden_.data(), tokens_, config_.shape.hidden);
    kernels::multiply(up.weight, inputs_, up_.data(), *team_);
    for_rows(*team_, tokens_, 4 * size, [&](std::int64_t row) {
        float* values = up_.data() + row * size;
        math_.add_bias(values, up);
        math_.activate(nullptr, values, values, size);
    });
    inputs_.assign(up_.data(), tokens_, size);
    kernels::multiply(weights[Projection::kDown].weight, inputs_, projected_.data(), *team_);
}

void EncoderModel::multiply(const Linear& linear, const float* x, std::int64_t rows, float* y) {
    inputs_.assign(x, rows, linear.weight.columns());
    kernels::multiply(linear.weight, inputs_, y, *team_);
    for (std::int64_t row = 0; row < rows; ++row) {
        math_.add_bias(y + row * linear.weight.rows(), linear);
    }
}

void EncoderModel::close_block(const Linear& linear, const Norm& norm) {
    const std::int64_t hidden = config_.shape.hidden;
    for_rows(*team_, tokens_, 4 * hidden, [&](std::int64_t row) {
        float* sum = hidden_.data() + row * hidden;
        float* projected = projected_.data() + row * hidden;
        math_.add_bias(projected, linear);
        math_.add(sum, projected, 1, hidden);
        math_.normalise(norm, sum, sum, hidden);
    });
}

// One text's tokens to one vector.
void EncoderModel::pool(std::span<const float> hidden, float* out) const {
    const std::int64_t size = config_.shape.hidden;
    const std::int64_t tokens = std::ssize(hidden) / size;
    const bool takes_last = config_.pooling == Pooling::kLast;
    std::copy_n(hidden.data() + (takes_last ? tokens - 1 : 0) * size, size, out);
    for (std::int64_t token = 1; token < tokens; ++token) {
        const float* row = hidden.data() + token * size;
        if (config_.pooling == Pooling::kMean) {
            math_.add(out, row, 1, size);
        } else if (config_.pooling == Pooling::kMax) {
            std::transform(row, row + size, out, out, [](float a, float b) { return std::max(a, b); });
        }
    }
    const std::span<float> vector(out, static_cast<std::size_t>(size));
    if (config_.pooling == Pooling::kMean) {
        for (float& value : vector) {
            value /= static_cast<float>(tokens);
        }
    }
    if (config_.normalises) {
        scale_to_length_one(vector);
    }
}

}  // namespace capstan::engine
