#pragma once

// Which side of a data set a document is on, from its id alone: the same document is on the same side in
// every build with the same seed, whatever else is in the corpus.

#include <cstdint>
#include <string_view>

namespace capstan::corpus {

enum class Side { kTrain, kHeldout };

// `heldout_fraction` of all ids, 0 to 1. A larger fraction keeps what a smaller one held out.
Side side_of(std::string_view id, double heldout_fraction, std::uint64_t seed);

}  // namespace capstan::corpus
