#pragma once

// How many tokens to guess for a sequence, by how many came true of late.

#include <cstdint>

namespace capstan::engine {

// More when all came true; fewer, and then a pause, when none did.
class GuessCount {
public:
    // How many to make now, at most `most`; 0 in a pause, which the call shortens.
    std::int64_t next(std::int64_t most);

    void learn(std::int64_t guessed, std::int64_t accepted);

private:
    std::int64_t count_ = 2;
    std::int64_t pause_ = 0;       // Steps.
    std::int64_t pause_next_ = 1;  // Doubles with each failure.
};

}  // namespace capstan::engine
