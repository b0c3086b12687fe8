#pragma once

// How tokens get from the engine's thread to the one that asked for them. The engine never waits here: a
// channel holds at most what the sequence was allowed to generate.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/sampling/log_softmax.h"
#include "llm/message.h"

namespace capstan::engine {

struct ScoredToken {
    llm::TokenId token = 0;
    double log_probability = 0;         // Of the model itself; only when asked for.
    std::vector<TokenProbability> top;  // As many as were asked for.
    bool is_end = false;                // An end token: not part of the text.
    std::int64_t rank = 0;              // Of a prompt's token; only when asked for.
};

// What came before the first token.
struct SequenceStart {
    std::int64_t cached_prompt_tokens = 0;  // Known from before and not computed again.
    std::int64_t queue_us = 0;              // Until its first step.
    std::int64_t prefill_us = 0;            // From there on.
};

class TokenChannel {
public:
    // The engine's side.
    void push(ScoredToken token);
    void push_prompt(ScoredToken token);  // Before the first `push`.

    void set_vector(std::vector<float> vector);  // Before `finish`.
    void set_start(const SequenceStart& start);  // Before the first `push`, or `finish`.

    void finish(Result<llm::FinishReason> outcome);  // Once, last.

    // The caller's side. `next` blocks for a token and returns nothing at the end.
    std::optional<ScoredToken> next();
    std::optional<ScoredToken> try_next();          // Nothing, at once, when there is none.
    bool has_ended() const;                         // There may still be tokens to take.
    Result<llm::FinishReason> outcome() const;      // After the end.
    std::vector<float> take_vector();               // Of the prompt, after the end.
    std::vector<ScoredToken> take_prompt_scores();  // Complete with the first token, or at the end.

    // Known with the first token; of a prompt that is only scored, at the end.
    SequenceStart start() const;

    // Calls `on_change` behind each push and behind the end, on the engine's thread; it must not block. When
    // another is set, or none, the last call of the one before is over.
    void listen(std::function<void()> on_change);

    // Any thread: the sequence ends at the next step.
    void cancel() { cancelled_ = true; }

    bool cancelled() const { return cancelled_; }

private:
    void tell();

    mutable std::mutex mutex_;  // Guards all up to the atomics.
    std::condition_variable changed_;
    std::deque<ScoredToken> tokens_;
    std::vector<ScoredToken> prompt_scores_;
    std::vector<float> vector_;
    std::optional<Result<llm::FinishReason>> outcome_;
    SequenceStart start_;
    std::atomic<bool> cancelled_ = false;

    std::mutex listener_mutex_;  // Guards on_change_, also while it is called.
    std::function<void()> on_change_;
};

}  // namespace capstan::engine
