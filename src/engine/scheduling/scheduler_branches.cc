// The scheduler's part in answers that share a prompt. Branches part ways when it is computed; beams are
// sequences that wait for each other once a round, and then go on from their parents' blocks.

#include <algorithm>
#include <utility>

#include "engine/scheduling/scheduler.h"

namespace capstan::engine {
namespace {

// The most probable tokens of those that the grammar allows, the best first; equal ones by id.
std::vector<TokenProbability> best_allowed(
    const LogSoftmax& probabilities, const TokenMask& allowed, std::int64_t vocabulary, std::size_t count
) {
    std::vector<TokenProbability> best;
    for (llm::TokenId token = 0; token < vocabulary; ++token) {
        if (allowed.allows(token)) {
            best.push_back({.token = token, .log_probability = probabilities.of(token)});
        }
    }
    count = std::min(count, best.size());
    std::ranges::partial_sort(
        best,
        best.begin() + static_cast<std::ptrdiff_t>(count),
        [](const TokenProbability& a, const TokenProbability& b) {
            return a.log_probability != b.log_probability ? a.log_probability > b.log_probability
                                                          : a.token < b.token;
        }
    );
    best.resize(count);
    return best;
}

}  // namespace

// The prompt is computed: the branches start, each with its own first token, or wait for a place.
void Scheduler::fork(Sequence& sequence, std::span<const float> logits) {
    for (auto& branch : std::exchange(sequence.branches, {})) {
        branch->tokens = sequence.tokens;
        branch->prompt_tokens = sequence.prompt_tokens;
        branch->cached_prompt_tokens = sequence.cached_prompt_tokens;
        branch->started_us = sequence.started_us;
        branch->arrival = sequence.arrival;
        branch->account = &shares_.join(sequence.request.fairness_key);
        branch->has_started = true;
        if (running_.size() >= limits_.running_max) {
            branch->was_preempted = true;  // It goes on from the prompt's blocks when there is a place.
            line_.put_back(std::move(branch));
            parts_.queue.came_back(1);
            continue;
        }
        memory_.fork(sequence, *branch);
        Sequence& forked = *branch;
        insert_running(std::move(branch));
        generate(forked, logits);
    }
}

void Scheduler::offer(Sequence& beam, std::span<const float> logits) {
    BeamGroup& group = *beam.group;
    const LogSoftmax probabilities(logits);
    const std::int64_t count =
        std::min(std::ssize(logits), group.search.offers_max(std::ssize(parts_.model.config().end_tokens)));
    std::vector<TokenProbability> tokens;
    if (beam.constraint == nullptr) {
        tokens = probabilities.top(static_cast<int>(count));
    } else {
        const auto allowed = beam.constraint->allowed();
        if (!allowed) {
            end(beam, allowed.error());
            return;
        }
        tokens = best_allowed(probabilities, **allowed, std::ssize(logits), static_cast<std::size_t>(count));
    }
    if (beam.generated() == 0) {
        group.search.set_start(beam.start());
    }
    group.search.offer(std::ranges::find(group.beams, &beam) - group.beams.begin(), tokens);
    beam.has_offered = true;
    if (group.search.is_round_complete()) {
        advance(group);
    }
}

void Scheduler::advance(BeamGroup& group) {
    const Sequence& any = *group.beams[0];
    const std::span<const llm::TokenId> end_tokens = parts_.model.config().end_tokens;
    const bool has_ends = !any.request.ignore_end || any.constraint != nullptr;
    const auto steps = group.search.advance(has_ends ? end_tokens : end_tokens.first(0));
    if (steps.empty()) {
        group.search.finish(llm::FinishReason::kStop);  // The next step drops the beams.
        return;
    }
    const auto parents = std::exchange(group.beams, {});
    std::ranges::for_each(parents, [](Sequence* parent) { parent->is_spare = true; });
    for (const BeamSearch::Step& step : steps) {
        parents[static_cast<std::size_t>(step.parent)]->is_spare = false;
    }
    // All copies are made before any token is added. What stays spare is dropped by the next step.
    std::vector<bool> goes_on(parents.size());
    for (const BeamSearch::Step& step : steps) {
        const auto index = static_cast<std::size_t>(step.parent);
        Sequence* beam = parents[index];
        if (goes_on[index]) {
            const auto spare = std::ranges::find_if(parents, &Sequence::is_spare);
            beam = spare != parents.end() ? *spare : &bear(*parents[index]);
            become_copy(*beam, *parents[index]);
        }
        goes_on[index] = true;
        group.beams.push_back(beam);
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
        add_token(*group.beams[i], steps[i].token);
    }
}

void Scheduler::add_token(Sequence& beam, llm::TokenId token) {
    beam.tokens.push_back(token);
    beam.has_offered = false;
    beam.account->served += FairShare::kGeneratedTokenCost;
    ++generated_tokens_;
    if (beam.constraint != nullptr) {
        if (auto accepted = beam.constraint->accept(token); !accepted) {
            beam.group->search.finish(accepted.error());
        }
    }
}

// A sequence for one beam more, which runs.
Sequence& Scheduler::bear(const Sequence& parent) {
    auto beam = std::make_unique<Sequence>(parent.request, std::make_shared<TokenChannel>());
    beam->group = parent.group;
    beam->prompt_tokens = parent.prompt_tokens;
    beam->arrival = parent.arrival;
    beam->account = &shares_.join(parent.request.fairness_key);
    beam->has_started = true;
    Sequence& born = *beam;
    insert_running(std::move(beam));
    return born;
}

void Scheduler::become_copy(Sequence& beam, const Sequence& parent) {
    beam.is_spare = false;
    beam.tokens = parent.tokens;
    beam.spilled.reset();  // It was of other tokens.
    beam.constraint = parent.constraint == nullptr ? nullptr : parent.constraint->clone();
    if (!beam.is_running) {
        return;  // It is computed when it runs again.
    }
    memory_.release(beam);
    if (parent.is_running) {
        memory_.fork(parent, beam);
    } else {
        memory_.enter(beam);
    }
}

}  // namespace capstan::engine
