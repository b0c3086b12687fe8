#pragma once

// Random numbers that are the same on every machine for the same seed: the standard library's distributions
// are not.

#include <array>
#include <cstdint>

namespace capstan::metrics {

// xoshiro256** (Blackman and Vigna 2018), seeded by SplitMix64.
class Random {
public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();

    // 0 to count - 1, each as likely (Lemire 2019). `count` is not 0.
    std::uint64_t below(std::uint64_t count);

    double uniform();  // 0 to below 1, 53 bits.
    double normal();   // Mean 0, deviation 1 (Marsaglia's polar method).

private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace capstan::metrics
