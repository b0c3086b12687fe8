#include "engine/scheduling/draft_model.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/sampling/log_softmax.h"

namespace capstan::engine {
namespace {

// Of one sequence in one call: a long prompt is caught up with over several steps.
constexpr std::int64_t kNewTokensMax = 128;

}  // namespace

void DraftState::compare(std::span<const llm::TokenId> tokens) {
    const auto [seen, now] = std::ranges::mismatch(seen_, tokens);
    seen_.erase(seen, seen_.end());
}

Result<std::unique_ptr<DraftModel>> DraftModel::build(
    std::unique_ptr<Model> model, std::int64_t vocabulary, std::int64_t kv_cache_bytes
) {
    if (model->config().vocabulary != vocabulary) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "the draft model has {} tokens and the model {}: they must have the same vocabulary",
                model->config().vocabulary,
                vocabulary
            )
        };
    }
    auto cache = BlockKvCache::build(model->kv_shape(), kv_cache_bytes);
    if (!cache) {
        return cache.error();
    }
    return std::unique_ptr<DraftModel>(new DraftModel(std::move(model), std::move(*cache)));
}

// The rows of what it has not seen; false when it can guess nothing now.
bool DraftModel::add_new_tokens(const Wish& wish) {
    if (*wish.state == nullptr) {
        *wish.state = std::make_unique<DraftState>(*cache_);
    }
    DraftState& state = **wish.state;
    state.compare(wish.tokens);
    if (state.seen_.size() == wish.tokens.size()) {
        state.seen_.pop_back();  // The last is computed again, for its logits.
    }
    const std::int64_t begin = std::ssize(state.seen_);
    const std::int64_t end = std::min(std::ssize(wish.tokens), begin + kNewTokensMax);
    const std::int64_t positions = std::ssize(wish.tokens) + wish.count;
    if (positions > model_->config().positions_max || !cache_->grow(state.kv_, positions)) {
        *wish.state = nullptr;
        return false;
    }
    const bool is_all = end == std::ssize(wish.tokens);
    for (std::int64_t position = begin; position < end; ++position) {
        const llm::TokenId token = wish.tokens[static_cast<std::size_t>(position)];
        rows_.push_back({
            .token = token,
            .position = position,
            .kv = &state.kv_,
            .adapter = nullptr,
            .wants_logits = is_all && position + 1 == end,
        });
        state.seen_.push_back(token);
    }
    return is_all;
}

void DraftModel::guess(std::span<const Wish> wishes) {
    rows_.clear();
    guessing_.clear();
    for (const Wish& wish : wishes) {
        if (add_new_tokens(wish)) {
            guessing_.push_back(&wish);
        }
    }
    const auto vocabulary = static_cast<std::size_t>(model_->config().vocabulary);
    while (!rows_.empty()) {
        auto logits = model_->forward(rows_);
        rows_.clear();
        for (const Wish* wish : std::exchange(guessing_, {})) {
            const llm::TokenId guess = largest_token(logits.first(vocabulary));
            logits = logits.subspan(vocabulary);
            wish->guesses->push_back(guess);
            if (std::ssize(*wish->guesses) == wish->count) {
                continue;
            }
            DraftState& state = **wish->state;
            rows_.push_back({
                .token = guess,
                .position = std::ssize(state.seen_),
                .kv = &state.kv_,
                .adapter = nullptr,
                .wants_logits = true,
            });
            state.seen_.push_back(guess);
            guessing_.push_back(wish);
        }
    }
}

}  // namespace capstan::engine
