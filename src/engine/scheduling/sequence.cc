#include "engine/scheduling/sequence.h"

#include <utility>

#include "base/clock.h"

namespace capstan::engine {
Sequence::Sequence(SequenceRequest asked, std::shared_ptr<TokenChannel> to)
    : request(std::move(asked)),
      channel(std::move(to)),
      sampler(request.sampling, request.prompt),
      constraint(request.grammar == nullptr ? nullptr : request.grammar->start()),
      tokens(std::exchange(request.prompt, {})),
      prompt_tokens(std::ssize(tokens)),
      pool(request.pooling.value_or(Pooling::kLast)),
      arrived_us(monotonic_now_us()) {}

std::unique_ptr<Sequence> Sequence::with_branches(
    const SequenceRequest& asked, const std::vector<std::shared_ptr<TokenChannel>>& channels
) {
    if (asked.beams) {
        return with_beams(asked, channels);
    }
    auto first = std::make_unique<Sequence>(asked, channels.at(0));
    SequenceRequest request = asked;
    request.prompt.clear();  // They get the first one's tokens.
    request.score_prompt = false;
    for (std::size_t i = 1; i < channels.size(); ++i) {
        if (asked.sampling.seed) {
            request.sampling.seed = *asked.sampling.seed + i;
        }
        first->branches.push_back(std::make_unique<Sequence>(request, channels[i]));
        first->branches.back()->sampler = Sampler(request.sampling, asked.prompt);
    }
    return first;
}

std::unique_ptr<Sequence> Sequence::with_beams(
    SequenceRequest request, const std::vector<std::shared_ptr<TokenChannel>>& channels
) {
    request.speculates = false;
    request.score_prompt = false;
    const BeamSearch::Options options = {
        .beams = *request.beams, .tokens_max = request.completion_tokens_max
    };
    const auto group = std::make_shared<BeamGroup>(BeamGroup{.search = BeamSearch(options, channels)});
    // Nobody reads a beam's own channel.
    auto first = std::make_unique<Sequence>(std::move(request), std::make_shared<TokenChannel>());
    first->group = group;
    group->beams = {first.get()};
    return first;
}

SequenceStart Sequence::start() const {
    const std::int64_t now_us = monotonic_now_us();
    const std::int64_t begin_us = started_us == 0 ? now_us : started_us;
    return {
        .cached_prompt_tokens = cached_prompt_tokens,
        .queue_us = begin_us - arrived_us,
        .prefill_us = now_us - begin_us,
    };
}

void Sequence::finish(const Result<llm::FinishReason>& outcome) {
    if (group != nullptr) {
        if (!is_spare) {
            group->search.finish(outcome);
        }
        return;
    }
    channel->finish(outcome);
    for (const auto& branch : branches) {
        branch->channel->finish(outcome);
    }
}

bool Sequence::drop_cancelled() {
    if (group != nullptr) {
        return !is_spare && !group->search.has_ended() && !group->search.is_cancelled();
    }
    std::erase_if(branches, [](const auto& branch) {
        if (branch->channel->cancelled()) {
            branch->channel->finish(llm::FinishReason::kCancelled);
        }
        return branch->channel->cancelled();
    });
    if (!channel->cancelled() || branches.empty()) {
        return !channel->cancelled();
    }
    // Another branch takes its place: the prompt is theirs as well.
    channel->finish(llm::FinishReason::kCancelled);
    Sequence& next = *branches.back();
    channel = std::move(next.channel);
    sampler = std::move(next.sampler);
    constraint = std::move(next.constraint);
    request.sampling.seed = next.request.sampling.seed;
    branches.pop_back();
    return true;
}

}  // namespace capstan::engine
