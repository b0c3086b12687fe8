#include "engine/scheduling/scheduler.h"

#include <algorithm>
#include <utility>

#include "engine/kernels/reductions.h"
#include "engine/scheduling/next_token.h"

namespace capstan::engine {
namespace {

// A line longer than this is searched for cancelled and late sequences now and then, not at each step.
constexpr std::size_t kShortLine = 256;
constexpr std::int64_t kSweepMs = 20;

// Of all blocks, so much stays free when a sequence starts beside others, so that they can grow.
constexpr std::int64_t kReserveDivisor = 64;

Error not_finite() {
    return Error{
        ErrorCode::kInvalid,
        "the model computed numbers that are not finite: its weights or the adapter's are broken"
    };
}

Result<llm::FinishReason> outcome_of_given_up(const Sequence& sequence) {
    if (sequence.is_cancelled()) {
        return llm::FinishReason::kCancelled;
    }
    return Error{ErrorCode::kCancelled, "the deadline passed before the answer was complete"};
}

}  // namespace

Scheduler::Scheduler(Parts parts, SchedulerLimits limits)
    : parts_(std::move(parts)),
      limits_(limits),
      memory_(parts_.cache, parts_.store, limits.spill),
      planner_(memory_),
      speculation_(limits.speculation, parts_.draft),
      budget_({
          .target_us = limits.step_target_us,
          .tokens_max = static_cast<std::int64_t>(limits.prefill_tokens_max),
      }) {}

Scheduler::~Scheduler() {
    for (const auto& sequence : running_) {
        memory_.release(*sequence);
    }
}

bool Scheduler::step() {
    receive();
    drop_ended();
    admit();
    if (must_release_.exchange(false)) {
        memory_.release_unused();
    }
    speculation_.guess(running_);
    const auto generating =
        std::ranges::count_if(running_, [](const auto& sequence) { return !sequence->is_prefilling(); });
    Batch& batch = planner_.plan(running_, budget_.prompt_tokens(generating));
    if (!batch.rows.empty()) {
        compute(batch);
    }
    put_back(batch.preempted);
    remove_ended();
    publish_memory();
    return !batch.rows.empty() || !batch.preempted.empty() || batch.is_restoring;
}

void Scheduler::receive() {
    for (auto& sequence : parts_.queue.take_arrivals()) {
        sequence->arrival = arrivals_++;
        sequence->account = &shares_.join(sequence->request.fairness_key);
        line_.add(std::move(sequence));
    }
}

void Scheduler::drop_ended() {
    const std::int64_t now_ms = parts_.now_ms();
    if (line_.size() <= kShortLine || now_ms >= swept_ms_ + kSweepMs) {
        swept_ms_ = now_ms;
        const auto ended = line_.take_ended(now_ms);
        parts_.queue.left(ended.size());
        for (const auto& sequence : ended) {
            finish(*sequence, outcome_of_given_up(*sequence));
        }
    }
    for (const auto& sequence : running_) {
        if (!sequence->drop_cancelled() || sequence->is_late(now_ms)) {
            end(*sequence, outcome_of_given_up(*sequence));
        }
    }
    remove_ended();
    publish_memory();
}

void Scheduler::admit() {
    while (Sequence* next = line_.first()) {
        if (refuse(*next)) {
            line_.take_first();
            parts_.queue.left(1);
        } else if (may_start(*next)) {
            parts_.queue.left(1);
            start(line_.take_first());
        } else if (!preempt_for(*next)) {
            return;
        }
    }
}

// What never fits, and what needs nothing computed.
bool Scheduler::refuse(Sequence& sequence) {
    if (auto fits = parts_.cache.check_fits(sequence.kv_tokens()); !fits) {
        finish(sequence, fits.error());
        return true;
    }
    if (sequence.to_compute() == 0) {
        finish(sequence, llm::FinishReason::kLength);
        return true;
    }
    return false;
}

bool Scheduler::may_start(const Sequence& sequence) const {
    // Beams that wait for this one hold nothing that it could not have.
    if (std::ranges::all_of(running_, [](const auto& other) { return other->has_offered; })) {
        return true;
    }
    if (running_.size() >= limits_.running_max) {
        return false;
    }
    // The others' prompts, which they have not taken blocks for yet, and a block for each to grow.
    std::int64_t promised = parts_.cache.blocks_total() / kReserveDivisor;
    for (const auto& other : running_) {
        const std::int64_t tokens =
            other->has_offered ? 0 : std::min(other->to_compute() + 1, other->kv_tokens());
        promised += 1 + std::max<std::int64_t>(0, kv_blocks_of(tokens) - std::ssize(other->kv.blocks));
    }
    return memory_.blocks_missing(sequence) + promised <= memory_.blocks_available(sequence);
}

void Scheduler::start(std::unique_ptr<Sequence> sequence) {
    memory_.enter(*sequence);
    shares_.started(*sequence->account);
    if (!std::exchange(sequence->has_started, true)) {
        sequence->account->served += FairShare::kPromptTokenCost * sequence->prompt_tokens;
        sequence->started_us = monotonic_now_us();
    }
    insert_running(std::move(sequence));
}

void Scheduler::insert_running(std::unique_ptr<Sequence> sequence) {
    sequence->is_running = true;
    const auto at = std::ranges::upper_bound(running_, sequence, [](const auto& a, const auto& b) {
        return a->comes_before(*b);
    });
    running_.insert(at, std::move(sequence));
    running_count_ = std::ssize(running_);
}

// A more important sequence waits: the least important one that runs makes place.
bool Scheduler::preempt_for(const Sequence& sequence) {
    if (running_.empty() || running_.back()->request.priority <= sequence.request.priority) {
        return false;
    }
    Sequence* victim = running_.back().get();
    memory_.give_up(*victim);
    put_back(std::span(&victim, 1));
    return true;
}

void Scheduler::put_back(std::span<Sequence* const> preempted) {
    for (Sequence* sequence : preempted) {
        sequence->was_preempted = true;
        sequence->is_running = false;
        sequence->draft.reset();
        const auto at = std::ranges::find(running_, sequence, &std::unique_ptr<Sequence>::get);
        line_.put_back(std::move(*at));
        running_.erase(at);
        parts_.queue.came_back(1);
        ++preemptions_;
    }
    running_count_ = std::ssize(running_);
}

void Scheduler::compute(const Batch& batch) {
    const std::int64_t begin_us = monotonic_now_us();
    prompt_tokens_ += batch.prompt_tokens;
    cached_prompt_tokens_ += batch.known_tokens;
    count_step(std::ssize(batch.rows));
    const bool makes_vectors = limits_.output == EngineOutput::kVectors;
    deliver(
        batch, makes_vectors ? parts_.model.forward_hidden(batch.rows) : parts_.model.forward(batch.rows)
    );
    const std::int64_t duration_us = monotonic_now_us() - begin_us;
    budget_.learn({
        .generating = batch.generating,
        .prompt_tokens = batch.prompt_tokens,
        .duration_us = duration_us,
    });
    memory_.set_compute_cost(budget_.token_us());
    step_us_ = duration_us;
    ++steps_;
}

void Scheduler::deliver(const Batch& batch, std::span<const float> logits) {
    for (const BatchShare& share : batch.shares) {
        Sequence& sequence = *share.sequence;
        deliver_rows(share, logits);
        const bool is_complete =
            sequence.request.completion_tokens_max == 0 && sequence.computed == sequence.to_compute();
        if (!sequence.is_over && is_complete) {
            sequence.channel->set_start(sequence.start());
            if (sequence.request.pooling) {
                sequence.channel->set_vector(sequence.pool.take());
            }
            end(sequence, llm::FinishReason::kLength);
        }
        if (!sequence.is_over) {
            memory_.share_full_blocks(sequence);
        }
    }
}

std::int64_t Scheduler::row_width() const {
    const ModelConfig& config = parts_.model.config();
    return limits_.output == EngineOutput::kVectors ? config.hidden : config.vocabulary;
}

// Takes what belongs to the share off `logits`, which are hidden rows where vectors are made.
void Scheduler::deliver_rows(const BatchShare& share, std::span<const float>& logits) {
    Sequence& sequence = *share.sequence;
    const auto width = static_cast<std::size_t>(row_width());
    const auto rows = logits.first(static_cast<std::size_t>(share.logits) * width);
    logits = logits.subspan(rows.size());
    sequence.computed += share.rows - share.logits;
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < rows.size() && !sequence.is_over; i += width) {
        const auto row = rows.subspan(i, width);
        if (!kernels::best_reductions().all_finite(row.data(), std::ssize(row))) {
            end(sequence, not_finite());
            break;
        }
        ++sequence.computed;
        if (sequence.request.pooling) {
            pool(sequence, row);
            continue;
        }
        if (sequence.computed < std::ssize(sequence.tokens)) {
            score_prompt(sequence, row);
            continue;
        }
        if (sequence.group != nullptr) {
            offer(sequence, row);
            break;
        }
        fork(sequence, row);
        generate(sequence, row);
        if (accepted == sequence.guesses.size() || sequence.guesses[accepted] != sequence.tokens.back()) {
            break;  // What was computed behind a wrong guess is written over.
        }
        ++accepted;
    }
    learn_from_guesses(sequence, static_cast<std::int64_t>(accepted));
}

void Scheduler::learn_from_guesses(Sequence& sequence, std::int64_t accepted) {
    if (!sequence.guesses.empty()) {
        const std::int64_t guessed = std::ssize(sequence.guesses);
        sequence.guess_count.learn(guessed, accepted);
        guessed_tokens_ += guessed;
        accepted_tokens_ += accepted;
    }
}

void Scheduler::pool(Sequence& sequence, std::span<const float> row) const {
    sequence.pool.add(row);
    sequence.scored = sequence.computed;
}

// The logits of the last token computed say how probable the one behind it was.
void Scheduler::score_prompt(Sequence& sequence, std::span<const float> logits) const {
    const llm::TokenId next = sequence.tokens[static_cast<std::size_t>(sequence.computed)];
    ScoredToken scored = score(sequence.request, logits, next);
    if (sequence.request.rank_prompt) {
        scored.rank = LogSoftmax(logits).rank_of(next);
    }
    for (const auto& branch : sequence.branches) {
        branch->channel->push_prompt(scored);
    }
    sequence.channel->push_prompt(std::move(scored));
    sequence.scored = sequence.computed;
}

// Chooses the next token; ends the sequence if it is the last.
void Scheduler::generate(Sequence& sequence, std::span<const float> logits) {
    const SequenceRequest& request = sequence.request;
    const auto chosen = choose_next(sequence, logits);
    if (!chosen) {
        end(sequence, chosen.error());
        return;
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
    if (sequence.generated() == 1) {
        sequence.channel->set_start(sequence.start());
    }
    sequence.account->served += FairShare::kGeneratedTokenCost;
    ++generated_tokens_;
    if (is_end || sequence.generated() == request.completion_tokens_max) {
        sequence.channel->push(std::move(scored));
        end(sequence, is_end ? llm::FinishReason::kStop : llm::FinishReason::kLength);
        return;
    }
    sequence.channel->push(std::move(scored));
}

// For one that runs.
void Scheduler::end(Sequence& sequence, const Result<llm::FinishReason>& outcome) {
    if (outcome) {
        memory_.share_full_blocks(sequence);
    }
    memory_.release(sequence);
    sequence.is_over = true;
    has_ended_ = true;
    --running_count_;
    publish_memory();  // Before the caller can ask.
    finish(sequence, outcome);
}

void Scheduler::finish(Sequence& sequence, const Result<llm::FinishReason>& outcome) {
    shares_.leave(sequence.request.fairness_key);
    sequence.spilled.reset();
    sequence.finish(outcome);
}

void Scheduler::remove_ended() {
    if (std::exchange(has_ended_, false)) {
        std::erase_if(running_, [](const auto& sequence) { return sequence->is_over; });
        running_count_ = std::ssize(running_);
    }
}

void Scheduler::shut_down() {
    const Error error = {ErrorCode::kUnavailable, "the engine is shutting down"};
    for (const auto& sequence : parts_.queue.close()) {
        sequence->account = &shares_.join(sequence->request.fairness_key);
        finish(*sequence, error);
    }
    const auto waiting = line_.take_all();
    parts_.queue.left(waiting.size());
    for (const auto& sequence : waiting) {
        finish(*sequence, error);
    }
    for (const auto& sequence : running_) {
        end(*sequence, error);
    }
    remove_ended();
    memory_.release_unused();  // To the file, if there is one.
}

}  // namespace capstan::engine
