#include "engine/scheduling/batch_planner.h"

#include <algorithm>
#include <ranges>

#include "base/check.h"

namespace capstan::engine {

Batch& BatchPlanner::plan(const std::vector<std::unique_ptr<Sequence>>& running, std::int64_t prompt_tokens) {
    running_ = &running;
    memory_.begin_step();
    batch_.is_restoring = false;
    prompt_tokens_max_ = prompt_tokens;
    batch_.rows.clear();
    batch_.shares.clear();
    batch_.preempted.clear();
    batch_.generating = batch_.prompt_tokens = batch_.known_tokens = 0;
    for (const auto& sequence : running) {
        if (!sequence->is_prefilling() && !sequence->has_offered && !is_preempted(*sequence)) {
            plan_generation(*sequence);
        }
    }
    for (const auto& sequence : running) {
        const std::int64_t left = prompt_tokens - batch_.prompt_tokens;
        if (sequence->is_prefilling() && !sequence->has_offered && !is_preempted(*sequence) && left > 0) {
            plan_prompt(*sequence, left);
        }
    }
    return batch_;
}

void BatchPlanner::plan_generation(Sequence& sequence) {
    const std::int64_t rows = 1 + std::ssize(sequence.guesses);
    if (rows > 1 && memory_.make_room(sequence, sequence.computed + rows)) {
        add_rows(sequence, rows);
        batch_.generating += rows;
        return;
    }
    sequence.guesses.clear();  // Not worth anybody's memory.
    while (!memory_.make_room(sequence, sequence.computed + 1)) {
        if (!preempt_behind(sequence)) {
            CHECK(running_->size() > 1, "a sequence fits when it is alone");
            preempt(sequence);
            return;
        }
    }
    add_rows(sequence, 1);
    ++batch_.generating;
}

void BatchPlanner::plan_prompt(Sequence& sequence, std::int64_t budget) {
    if (follow(sequence) || copy_back(sequence)) {
        return;
    }
    std::int64_t end = std::min(sequence.to_compute(), sequence.computed + budget);
    if (end < sequence.to_compute() && prompt_tokens_max_ >= kKvBlockTokens) {
        // Whole blocks: who follows would compute the rest of one again.
        end = end / kKvBlockTokens * kKvBlockTokens;
    }
    if (end <= sequence.computed) {
        return;
    }
    if (sequence.spilled != nullptr) {  // Behind this, it is copied.
        end = std::min(end, sequence.spilled->first_block() * kKvBlockTokens);
    }
    end = room_for(sequence, end);
    if (end <= sequence.computed) {
        return;
    }
    const std::int64_t rows = end - sequence.computed;
    add_rows(sequence, rows);
    memory_.announce(sequence, end);
    batch_.prompt_tokens += rows;
}

// Makes room up to `end`, at the cost of those behind, or up to what fits, which it returns.
std::int64_t BatchPlanner::room_for(Sequence& sequence, std::int64_t end) {
    while (end > sequence.computed && !memory_.make_room(sequence, end)) {
        if (!preempt_behind(sequence)) {
            // What the others of this batch hold is theirs; a part may still fit.
            const std::int64_t blocks = std::ssize(sequence.kv.blocks) + memory_.blocks_available();
            end = std::min(end - 1, blocks * kKvBlockTokens);
        }
    }
    return end;
}

// True when there is more to copy, but not in this step.
bool BatchPlanner::copy_back(Sequence& sequence) {
    const std::int64_t end = room_for(sequence, memory_.spilled_end(sequence));
    if (end > sequence.computed) {
        memory_.copy_back(sequence, end);
    }
    const bool has_more =
        sequence.spilled != nullptr && sequence.computed >= sequence.spilled->first_block() * kKvBlockTokens;
    batch_.is_restoring = batch_.is_restoring || has_more;
    return has_more;
}

// True when there is more that need not be computed, but not in this step.
bool BatchPlanner::follow(Sequence& sequence) {
    const auto [known, has_more] = memory_.follow(sequence);
    batch_.known_tokens += known;
    if (!sequence.was_preempted) {
        sequence.cached_prompt_tokens += known;
    }
    batch_.is_restoring = batch_.is_restoring || has_more;
    return has_more;
}

void BatchPlanner::add_rows(Sequence& sequence, std::int64_t rows) {
    const std::int64_t last = std::ssize(sequence.tokens) - 1;
    BatchShare share = {.sequence = &sequence, .rows = rows, .logits = 0};
    for (std::int64_t position = sequence.computed; position < sequence.computed + rows; ++position) {
        const bool is_scored = sequence.request.score_prompt && position >= sequence.scored &&
                               position + 1 < sequence.prompt_tokens;
        const bool is_pooled = sequence.request.pooling == Pooling::kMean && position >= sequence.scored;
        const bool wants_logits = position >= last || is_scored || is_pooled;
        share.logits += wants_logits ? 1 : 0;
        const bool is_guess = position > last;
        batch_.rows.push_back({
            .token = is_guess ? sequence.guesses[static_cast<std::size_t>(position - last - 1)]
                              : sequence.tokens[static_cast<std::size_t>(position)],
            .position = position,
            .kv = &sequence.kv,
            .adapter = sequence.request.adapter.get(),
            .wants_logits = wants_logits,
        });
    }
    batch_.shares.push_back(share);
}

// Takes the blocks of the last sequence behind this one that is not in the batch yet; a beam that waits for
// others, maybe for this one, counts as behind all.
bool BatchPlanner::preempt_behind(const Sequence& sequence) {
    bool is_behind = true;
    for (const auto& victim : std::views::reverse(*running_)) {
        is_behind = is_behind && victim.get() != &sequence;
        const bool may_lose = is_behind || victim->has_offered;
        if (may_lose && !victim->kv.blocks.empty() && !is_planned(*victim)) {
            preempt(*victim);
            return true;
        }
    }
    return false;
}

void BatchPlanner::preempt(Sequence& sequence) {
    memory_.give_up(sequence);
    sequence.is_running = false;
    batch_.preempted.push_back(&sequence);
}

bool BatchPlanner::is_planned(const Sequence& sequence) const {
    return std::ranges::find(batch_.shares, &sequence, &BatchShare::sequence) != batch_.shares.end();
}

bool BatchPlanner::is_preempted(const Sequence& sequence) const {
    return std::ranges::find(batch_.preempted, &sequence) != batch_.preempted.end();
}

}  // namespace capstan::engine
