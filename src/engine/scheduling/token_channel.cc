#include "engine/scheduling/token_channel.h"

#include <utility>

#include "base/check.h"

namespace capstan::engine {

void TokenChannel::push(ScoredToken token) {
    {
        const std::scoped_lock lock(mutex_);
        tokens_.push_back(std::move(token));
        changed_.notify_one();
    }
    tell();
}

void TokenChannel::push_prompt(ScoredToken token) {
    const std::scoped_lock lock(mutex_);
    prompt_scores_.push_back(std::move(token));
}

void TokenChannel::set_vector(std::vector<float> vector) {
    const std::scoped_lock lock(mutex_);
    vector_ = std::move(vector);
}

std::vector<float> TokenChannel::take_vector() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(vector_, {});
}

void TokenChannel::set_start(const SequenceStart& start) {
    const std::scoped_lock lock(mutex_);
    start_ = start;
}

SequenceStart TokenChannel::start() const {
    const std::scoped_lock lock(mutex_);
    return start_;
}

void TokenChannel::finish(Result<llm::FinishReason> outcome) {
    {
        const std::scoped_lock lock(mutex_);
        CHECK(!outcome_, "a sequence finishes once");
        outcome_ = std::move(outcome);
        changed_.notify_one();
    }
    tell();
}

void TokenChannel::listen(std::function<void()> on_change) {
    const std::scoped_lock lock(listener_mutex_);
    on_change_ = std::move(on_change);
}

void TokenChannel::tell() {
    const std::scoped_lock lock(listener_mutex_);
    if (on_change_) {
        on_change_();
    }
}

std::optional<ScoredToken> TokenChannel::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !tokens_.empty() || outcome_; });
    if (tokens_.empty()) {
        return std::nullopt;
    }
    ScoredToken token = std::move(tokens_.front());
    tokens_.pop_front();
    return token;
}

std::optional<ScoredToken> TokenChannel::try_next() {
    const std::scoped_lock lock(mutex_);
    if (tokens_.empty()) {
        return std::nullopt;
    }
    ScoredToken token = std::move(tokens_.front());
    tokens_.pop_front();
    return token;
}

bool TokenChannel::has_ended() const {
    const std::scoped_lock lock(mutex_);
    return outcome_.has_value();
}

Result<llm::FinishReason> TokenChannel::outcome() const {
    const std::scoped_lock lock(mutex_);
    CHECK(outcome_, "the outcome is known at the end");
    return *outcome_;
}

std::vector<ScoredToken> TokenChannel::take_prompt_scores() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(prompt_scores_, {});
}

}  // namespace capstan::engine
