#pragma once

// Seeded pseudo-random numbers and orders that are the same on every machine and in every version: resuming a
// run depends on them.

#include <cstdint>
#include <vector>

namespace capstan::trainer {

// Mixes `value` into `seed` (one round of SplitMix64; Steele, Lea and Flood 2014).
std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t value);

// 0 to count - 1 in an order that `seed` decides (Fisher and Yates).
std::vector<std::uint32_t> random_order(std::size_t count, std::uint64_t seed);

}  // namespace capstan::trainer
