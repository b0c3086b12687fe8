#pragma once

// MinHash signatures (Broder 1997), number for number those of datatrove with 64-bit hashes: shingles of five
// words, XXH64, 14 buckets of 8 hashes, parameters from NumPy's RandomState.

#include <cstdint>
#include <span>
#include <vector>

namespace capstan::corpus {

struct MinHashSettings {
    std::size_t shingle_words = 5;
    std::size_t buckets = 14;
    std::size_t hashes_per_bucket = 8;
    std::uint32_t seed = 1;
};

class MinHash {
public:
    explicit MinHash(const MinHashSettings& settings);

    const MinHashSettings& settings() const { return settings_; }

    // buckets * hashes_per_bucket minima of ((shingle * a + b) mod 2^64) mod (2^61 - 1); empty for no
    // shingles. Thread-safe. Cost: shingles * hashes, some 1 ns each.
    std::vector<std::uint64_t> signature(std::span<const std::uint64_t> shingles) const;

    std::span<const std::uint64_t> multipliers() const { return a_; }

    std::span<const std::uint64_t> addends() const { return b_; }

private:
    MinHashSettings settings_;
    std::vector<std::uint64_t> a_;
    std::vector<std::uint64_t> b_;
};

}  // namespace capstan::corpus
