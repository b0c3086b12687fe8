#pragma once

// Guesses what comes next from what came before: where the last few tokens occurred already, the same may
// follow again (prompt lookup decoding; Saxena 2023). Good for summaries, edits and code, free for the rest.

#include <cstdint>
#include <span>
#include <vector>

#include "llm/message.h"

namespace capstan::engine {

// Appends to `guesses` up to `count` tokens that followed the latest earlier occurrence of the last tokens:
// of four of them, else three, else two. Cost: one pass over `tokens`.
void look_up_guesses(
    std::span<const llm::TokenId> tokens, std::int64_t count, std::vector<llm::TokenId>& guesses
);

}  // namespace capstan::engine
