#include "corpus/minhash.h"

#include <algorithm>
#include <limits>
#include <random>

namespace capstan::corpus {
namespace {

constexpr std::uint64_t kMersenne61 = (std::uint64_t{1} << 61) - 1;

// Any x below 2^64; the result is below 2^61 - 1.
std::uint64_t mod_mersenne(std::uint64_t x) {
    x = (x & kMersenne61) + (x >> 61);
    return x >= kMersenne61 ? x - kMersenne61 : x;
}

// numpy.random.RandomState.randint(low, 2**61 - 1, dtype=uint64): 64 bits of MT19937, high half first, cut to
// the range's bits, drawn again when over the range.
std::vector<std::uint64_t> draw(std::mt19937& generator, std::uint64_t low, std::size_t count) {
    constexpr std::uint64_t kMask = kMersenne61;
    const std::uint64_t range = kMersenne61 - 1 - low;
    std::vector<std::uint64_t> values;
    while (values.size() < count) {
        const std::uint64_t high = generator();
        const std::uint64_t value = ((high << 32) | generator()) & kMask;
        if (value <= range) {
            values.push_back(low + value);
        }
    }
    return values;
}

}  // namespace

MinHash::MinHash(const MinHashSettings& settings) : settings_(settings) {
    std::mt19937 generator(settings.seed);
    const std::size_t count = settings.buckets * settings.hashes_per_bucket;
    a_ = draw(generator, 1, count);
    b_ = draw(generator, 0, count);
}

std::vector<std::uint64_t> MinHash::signature(std::span<const std::uint64_t> shingles) const {
    if (shingles.empty()) {
        return {};
    }
    // A block of hashes at a time, so that minima and parameters stay in registers.
    constexpr std::size_t kBlock = 8;
    std::vector<std::uint64_t> minima(a_.size(), std::numeric_limits<std::uint64_t>::max());
    for (std::size_t first = 0; first < minima.size(); first += kBlock) {
        const std::size_t size = std::min(kBlock, minima.size() - first);
        for (const std::uint64_t shingle : shingles) {
            for (std::size_t i = first; i < first + size; ++i) {
                minima[i] = std::min(minima[i], mod_mersenne(shingle * a_[i] + b_[i]));
            }
        }
    }
    return minima;
}

}  // namespace capstan::corpus
