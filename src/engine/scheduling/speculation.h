#pragma once

// Guesses tokens that a sequence may generate, so that one step can check several and keep those that come
// true: speculative decoding.
//
// The step computes logits behind each guess as if it were true. Tokens are then chosen one by one as always,
// by the sequence's own sampler with its own random numbers, for as long as what was chosen is what was
// guessed. So the tokens are those that would have come without guesses, to the bit.

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/scheduling/draft_model.h"
#include "engine/scheduling/sequence.h"

namespace capstan::engine {

struct SpeculationLimits {
    std::int64_t guesses_max = 0;  // Of one sequence in one step; 0: none are made.
    // Guesses for few sequences cost little, since a step reads the same weights for one row as for several;
    // for many they would displace each other. So many rows in all, those without guesses among them.
    std::int64_t rows_max = 16;
};

// Used from the engine's thread only.
class Speculation {
public:
    //   draft  Null for guesses from the sequences' own tokens only. Outlives it.
    Speculation(const SpeculationLimits& limits, DraftModel* draft) : limits_(limits), draft_(draft) {}

    // Sets the guesses of all sequences: none for those that may not have any.
    void guess(const std::vector<std::unique_ptr<Sequence>>& running);

private:
    std::int64_t wanted(Sequence& sequence, std::int64_t most) const;

    SpeculationLimits limits_;
    DraftModel* draft_;
    std::vector<DraftModel::Wish> wishes_;
};

}  // namespace capstan::engine
