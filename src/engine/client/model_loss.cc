#include "engine/client/model_loss.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "engine/cache/kv_cache.h"
#include "engine/files/model_text.h"
#include "engine/model/model.h"
#include "engine/sampling/log_softmax.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kRowsAtOnce = 32;  // Their logits are in memory, twice.

// A model and room for one window.
class Reader {
public:
    // As `options` say how the made model is run; the source has float16 and what is stored.
    static Result<Reader> open_source(const LossOptions& options) {
        LossOptions plain = options;
        plain.made = options.source;
        plain.kv_type = KvType::kF16;
        plain.pack_as = kernels::PackAs::kStored;
        return open_made(plain);
    }

    static Result<Reader> open_made(const LossOptions& options) {
        const std::int64_t window_tokens = options.window_tokens;
        auto model = Model::open(options.made, options.threads, options.pack_as);
        if (!model) {
            return model.error();
        }
        const KvShape shape = (*model)->kv_shape(options.kv_type);
        auto cache = BlockKvCache::build(shape, kv_blocks_of(window_tokens) * shape.block_bytes());
        if (!cache) {
            return cache.error();
        }
        KvSequence kv = (*cache)->reserve(window_tokens).value();
        return Reader(std::move(*model), std::move(*cache), std::move(kv));
    }

    const ModelConfig& config() const { return model_->config(); }

    // Logits of `tokens`, of which the first stands at `position`, until the next call.
    std::span<const float> read(std::span<const llm::TokenId> tokens, std::int64_t position) {
        rows_.clear();
        for (const llm::TokenId token : tokens) {
            rows_.push_back({.token = token, .position = position, .kv = &kv_, .wants_logits = true});
            ++position;
        }
        return model_->forward(rows_);
    }

private:
    Reader(std::unique_ptr<Model> model, std::unique_ptr<BlockKvCache> cache, KvSequence kv)
        : model_(std::move(model)), cache_(std::move(cache)), kv_(std::move(kv)) {}

    std::unique_ptr<Model> model_;
    std::unique_ptr<BlockKvCache> cache_;
    KvSequence kv_;
    std::vector<BatchRow> rows_;
};

class LossSum {
public:
    // Two rows of logits, and the token that came.
    void add(std::span<const float> source, std::span<const float> made, llm::TokenId next) {
        const LogSoftmax p(source);
        const LogSoftmax q(made);
        double divergence = 0;
        for (std::size_t i = 0; i < source.size(); ++i) {
            const auto token = static_cast<llm::TokenId>(i);
            const double log_p = p.of(token);
            divergence += std::exp(log_p) * (log_p - q.of(token));
        }
        source_log_ += p.of(next);
        made_log_ += q.of(next);
        loss_.mean_divergence += divergence;
        loss_.divergence_max = std::max(loss_.divergence_max, divergence);
        loss_.same_top += largest_token(source) == largest_token(made) ? 1 : 0;
        ++loss_.tokens;
    }

    ModelLoss take() const {
        ModelLoss loss = loss_;
        const auto count = static_cast<double>(loss.tokens);
        loss.source_perplexity = std::exp(-source_log_ / count);
        loss.perplexity = std::exp(-made_log_ / count);
        loss.mean_divergence /= count;
        loss.same_top /= count;
        return loss;
    }

private:
    ModelLoss loss_;
    double source_log_ = 0;
    double made_log_ = 0;
};

// The window's last token is only predicted.
void add_window(Reader& source, Reader& made, std::span<const llm::TokenId> window, LossSum& sum) {
    const auto vocabulary = static_cast<std::size_t>(source.config().vocabulary);
    const std::int64_t read = std::ssize(window) - 1;
    for (std::int64_t first = 0; first < read; first += kRowsAtOnce) {
        const std::int64_t count = std::min(kRowsAtOnce, read - first);
        const auto tokens = window.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        const auto expected = source.read(tokens, first);
        const auto got = made.read(tokens, first);
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            sum.add(
                expected.subspan(i * vocabulary, vocabulary),
                got.subspan(i * vocabulary, vocabulary),
                window[static_cast<std::size_t>(first) + i + 1]
            );
        }
    }
}

}  // namespace

Result<ModelLoss> measure_loss(const LossOptions& options) {
    const auto tokenizer = load_tokenizer(options.source);
    if (!tokenizer) {
        return tokenizer.error();
    }
    std::vector<llm::TokenId> tokens = tokenizer->encode(options.text, {.add_special_tokens = false});
    tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(options.tokens_max)));
    if (tokens.size() < 2 || options.window_tokens < 2) {
        return Error{ErrorCode::kInvalid, "the text must have at least two tokens, and so must a window"};
    }
    auto source = Reader::open_source(options);
    if (!source) {
        return source.error();
    }
    auto made = Reader::open_made(options);
    if (!made) {
        return made.error();
    }
    const ModelConfig& config = source->config();
    if (config.vocabulary != made->config().vocabulary) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "the models have {} and {} tokens: one is not made from the other",
                config.vocabulary,
                made->config().vocabulary
            )
        };
    }
    const std::int64_t room = std::min(options.window_tokens, config.positions_max) - (config.bos ? 1 : 0);
    LossSum sum;
    for (std::int64_t first = 0; first + 1 < std::ssize(tokens); first += room) {
        const std::int64_t end = std::min(first + room, std::ssize(tokens));
        std::vector<llm::TokenId> window;
        if (config.bos) {
            window.push_back(*config.bos);
        }
        window.insert(window.end(), tokens.begin() + first, tokens.begin() + end);
        add_window(*source, *made, window, sum);
    }
    return sum.take();
}

}  // namespace capstan::engine
