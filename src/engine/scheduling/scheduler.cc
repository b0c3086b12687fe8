#include "engine/scheduling/scheduler.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace capstan::engine {
namespace {

ScoredToken score(const SequenceRequest& request, std::span<const float> logits, llm::TokenId token) {
    const LogSoftmax probabilities(logits);
    return ScoredToken{
        .token = token,
        .log_probability = probabilities.of(token),
        .top = probabilities.top(request.top_tokens),
        .is_end = false,
    };
}

// Tokens of the prompt that must be computed: the last one only matters for what follows it.
std::int64_t prompt_to_compute(const SequenceRequest& request) {
    return std::ssize(request.prompt) - (request.completion_tokens_max == 0 ? 1 : 0);
}

// The next token, within what the request's grammar allows.
Result<llm::TokenId> choose(Sequence& sequence, std::span<const float> logits) {
    if (sequence.constraint == nullptr) {
        return sequence.sampler.choose(logits);
    }
    const auto allowed = sequence.constraint->allowed();
    if (!allowed) {
        return allowed.error();
    }
    const llm::TokenId token = sequence.sampler.choose(logits, *allowed);
    if (auto accepted = sequence.constraint->accept(token); !accepted) {
        return accepted.error();
    }
    return token;
}

Error not_finite() {
    return Error{
        ErrorCode::kInvalid,
        "the model computed numbers that are not finite: its weights or the adapter's are broken"
    };
}

}  // namespace

bool Scheduler::step() {
    drop_cancelled();
    admit();
    plan();
    if (!rows_.empty()) {
        deliver(parts_.model.forward(rows_));
        ++steps_;
    }
    remove_ended();
    return !rows_.empty();
}

void Scheduler::drop_cancelled() {
    for (const auto& sequence : parts_.queue.take_cancelled()) {
        sequence->channel->finish(llm::FinishReason::kCancelled);
    }
    for (const auto& sequence : running_) {
        if (sequence->channel->cancelled()) {
            end(*sequence, llm::FinishReason::kCancelled);
        }
    }
    remove_ended();
}

void Scheduler::admit() {
    while (running_.size() < limits_.running_max) {
        Result<KvSequence> kv = KvSequence{};
        auto next = parts_.queue.pop_if([&](Sequence& sequence) {
            kv = parts_.cache.reserve(sequence.kv_tokens());
            return kv || kv.error().code != ErrorCode::kExhausted;
        });
        if (next == nullptr) {
            return;
        }
        if (!kv) {
            next->channel->finish(kv.error());
            continue;
        }
        next->kv = std::move(*kv);
        kv_bytes_used_ = parts_.cache.bytes_used();
        ++running_count_;
        running_.push_back(std::move(next));
        if (prompt_to_compute(running_.back()->request) == 0) {
            end(*running_.back(), llm::FinishReason::kLength);
            remove_ended();
        }
    }
}

void Scheduler::plan() {
    rows_.clear();
    shares_.clear();
    for (const auto& sequence : running_) {
        if (!sequence->is_prefilling()) {
            plan_sequence(*sequence, 1);
        }
    }
    auto left = static_cast<std::int64_t>(limits_.prefill_tokens_max);
    for (const auto& sequence : running_) {
        if (sequence->is_prefilling() && left > 0) {
            const std::int64_t rows =
                std::min(left, prompt_to_compute(sequence->request) - sequence->computed);
            plan_sequence(*sequence, rows);
            left -= rows;
            prompt_tokens_ += rows;
        }
    }
}

void Scheduler::plan_sequence(Sequence& sequence, std::int64_t rows) {
    const SequenceRequest& request = sequence.request;
    const std::int64_t last = std::ssize(sequence.tokens) - 1;
    Share share = {.sequence = &sequence, .rows = rows, .logits = 0};
    for (std::int64_t position = sequence.computed; position < sequence.computed + rows; ++position) {
        const bool wants_logits = position == last || (request.score_prompt && sequence.is_prefilling());
        share.logits += wants_logits ? 1 : 0;
        rows_.push_back({
            .token = sequence.tokens[static_cast<std::size_t>(position)],
            .position = position,
            .kv = &sequence.kv,
            .adapter = request.adapter.get(),
            .wants_logits = wants_logits,
        });
    }
    shares_.push_back(share);
}

void Scheduler::deliver(std::span<const float> logits) {
    const auto vocabulary = static_cast<std::size_t>(parts_.model.config().vocabulary);
    for (const Share& share : shares_) {
        Sequence& sequence = *share.sequence;
        const std::int64_t prompt = std::ssize(sequence.request.prompt);
        std::int64_t position = sequence.computed + share.rows - share.logits;
        sequence.computed += share.rows;
        bool ended = false;
        for (std::int64_t i = 0; i < share.logits; ++i, ++position) {
            const auto row = logits.first(vocabulary);
            logits = logits.subspan(vocabulary);
            if (!std::ranges::all_of(row, [](float logit) { return std::isfinite(logit); })) {
                end(sequence, not_finite());
                ended = true;
            }
            if (ended) {
                continue;  // Its other rows are skipped.
            }
            if (position + 1 < prompt) {
                score_prompt(sequence, position, row);
            } else {
                ended = generate(sequence, row);
            }
        }
        if (!ended && sequence.generated() == 0 && sequence.computed == prompt_to_compute(sequence.request) &&
            sequence.request.completion_tokens_max == 0) {
            end(sequence, llm::FinishReason::kLength);
        }
    }
}

// The logits at `position` say how probable the token behind it was.
void Scheduler::score_prompt(Sequence& sequence, std::int64_t position, std::span<const float> logits) const {
    const llm::TokenId next = sequence.tokens[static_cast<std::size_t>(position + 1)];
    sequence.channel->push_prompt(score(sequence.request, logits, next));
}

// Chooses the next token; true when it was the last.
bool Scheduler::generate(Sequence& sequence, std::span<const float> logits) {
    const SequenceRequest& request = sequence.request;
    const auto chosen = choose(sequence, logits);
    if (!chosen) {
        end(sequence, chosen.error());
        return true;
    }
    const llm::TokenId token = *chosen;
    ScoredToken scored = {.token = token, .log_probability = 0, .top = {}, .is_end = false};
    if (request.score_completion) {
        scored = score(request, logits, token);
    }
    scored.is_end = (!request.ignore_end || sequence.constraint != nullptr) &&
                    std::ranges::binary_search(parts_.model.config().end_tokens, token);
    const bool is_end = scored.is_end || (sequence.constraint != nullptr && sequence.constraint->must_end());
    sequence.tokens.push_back(token);
    sequence.channel->push(std::move(scored));
    ++generated_tokens_;
    if (is_end || sequence.generated() == request.completion_tokens_max) {
        end(sequence, is_end ? llm::FinishReason::kStop : llm::FinishReason::kLength);
        return true;
    }
    return false;
}

void Scheduler::end(Sequence& sequence, Result<llm::FinishReason> outcome) {
    parts_.cache.release(sequence.kv);
    kv_bytes_used_ = parts_.cache.bytes_used();  // Before the caller can ask.
    --running_count_;
    sequence.channel->finish(std::move(outcome));
    ended_.push_back(&sequence);
}

void Scheduler::remove_ended() {
    std::erase_if(running_, [this](const auto& sequence) {
        return std::ranges::find(ended_, sequence.get()) != ended_.end();
    });
    ended_.clear();
}

void Scheduler::shut_down() {
    const Error error = {ErrorCode::kUnavailable, "the engine is shutting down"};
    for (const auto& sequence : parts_.queue.close()) {
        sequence->channel->finish(error);
    }
    for (const auto& sequence : running_) {
        end(*sequence, error);
    }
    remove_ended();
}

SchedulerStats Scheduler::stats() const {
    return SchedulerStats{
        .running = running_count_,
        .steps = steps_,
        .prompt_tokens = prompt_tokens_,
        .generated_tokens = generated_tokens_,
        .kv_bytes_used = kv_bytes_used_,
    };
}

}  // namespace capstan::engine
