#include "engine/scheduling/prompt_lookup.h"

#include <algorithm>

namespace capstan::engine {
namespace {

constexpr std::int64_t kMatchMin = 2;
constexpr std::int64_t kMatchMax = 4;

}  // namespace

void look_up_guesses(
    std::span<const llm::TokenId> tokens, std::int64_t count, std::vector<llm::TokenId>& guesses
) {
    const std::int64_t size = std::ssize(tokens);
    std::int64_t best_length = kMatchMin - 1;
    std::int64_t best_end = 0;
    const auto at = [&](std::int64_t index) { return tokens[static_cast<std::size_t>(index)]; };
    for (std::int64_t end = size - 1; end >= kMatchMin && best_length < kMatchMax; --end) {
        std::int64_t length = 0;  // How far tokens before `end` equal the last ones.
        while (length < std::min(kMatchMax, end) && at(end - 1 - length) == at(size - 1 - length)) {
            ++length;
        }
        if (length > best_length) {
            best_length = length;
            best_end = end;
        }
    }
    if (best_length >= kMatchMin) {
        const auto found = tokens.subspan(static_cast<std::size_t>(best_end));
        const auto taken = found.first(std::min(found.size(), static_cast<std::size_t>(count)));
        guesses.insert(guesses.end(), taken.begin(), taken.end());
    }
}

}  // namespace capstan::engine
