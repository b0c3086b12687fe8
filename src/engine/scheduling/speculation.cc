#include "engine/scheduling/speculation.h"

#include <algorithm>

#include "engine/scheduling/prompt_lookup.h"

namespace capstan::engine {
void Speculation::guess(const std::vector<std::unique_ptr<Sequence>>& running) {
    const auto generating = static_cast<std::int64_t>(
        std::ranges::count_if(running, [](const auto& sequence) { return !sequence->is_prefilling(); })
    );
    const std::int64_t most =
        generating == 0 ? 0 : std::min(limits_.guesses_max, limits_.rows_max / generating - 1);
    wishes_.clear();
    for (const auto& sequence : running) {
        sequence->guesses.clear();
        const std::int64_t count = most <= 0 ? 0 : wanted(*sequence, most);
        if (count == 0) {
            continue;
        }
        look_up_guesses(sequence->tokens, count, sequence->guesses);
        if (sequence->guesses.empty() && draft_ != nullptr) {
            wishes_.push_back({
                .tokens = sequence->tokens,
                .count = count,
                .state = &sequence->draft,
                .guesses = &sequence->guesses,
            });
        }
    }
    if (!wishes_.empty()) {
        draft_->guess(wishes_);
    }
}

// The last token that may come is never guessed: nothing is computed behind it.
std::int64_t Speculation::wanted(Sequence& sequence, std::int64_t most) const {
    const std::int64_t left = sequence.request.completion_tokens_max - sequence.generated() - 1;
    if (!sequence.request.speculates || sequence.is_prefilling() || left <= 0) {
        return 0;
    }
    return sequence.guess_count.next(std::min(most, left));
}

}  // namespace capstan::engine
