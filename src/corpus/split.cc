#include "corpus/split.h"

#include "base/hash.h"

namespace capstan::corpus {

Side side_of(std::string_view id, double heldout_fraction, std::uint64_t seed) {
    constexpr double kTwoTo53 = 9007199254740992.0;
    const double place = static_cast<double>(xxh64(id, seed) >> 11) / kTwoTo53;  // 0 to below 1
    return place < heldout_fraction ? Side::kHeldout : Side::kTrain;
}

}  // namespace capstan::corpus
