#pragma once

// Finds groups of nearly equal documents from their signatures: those that agree in all hashes of a bucket
// (locality-sensitive hashing) are joined, as in datatrove.

#include <cstdint>
#include <span>
#include <vector>

#include "corpus/minhash.h"

namespace capstan::corpus {

// Sets of numbers that only grow together: by size, ties to the first argument's root; paths halved.
class UnionFind {
public:
    explicit UnionFind(std::size_t count);

    std::uint32_t root_of(std::uint32_t document);
    void join(std::uint32_t a, std::uint32_t b);

private:
    std::vector<std::uint32_t> parent_;
    std::vector<std::uint32_t> size_;
};

struct NearDedupSettings {
    MinHashSettings minhash;
    // Least share of equal hashes (an estimate of the Jaccard similarity) for a pair that a bucket joins; 0
    // takes every such pair, as datatrove does: similar above some (1/14)^(1/8) = 0.72.
    double threshold = 0.0;
};

// The representative of each document: itself for one that is kept. `signatures` holds one entry for each
// document, empty for one that has too few words; such a document is its own. The same input gives the same
// answer. Cost: buckets * n log n comparisons.
std::vector<std::uint32_t> near_duplicate_roots(
    std::span<const std::vector<std::uint64_t>> signatures, const NearDedupSettings& settings
);

}  // namespace capstan::corpus
