#include "corpus/near_dedup.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace capstan::corpus {
namespace {

double equal_share(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
    std::size_t equal = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        equal += a[i] == b[i] ? 1U : 0U;
    }
    return static_cast<double>(equal) / static_cast<double>(a.size());
}

}  // namespace

UnionFind::UnionFind(std::size_t count) : parent_(count), size_(count, 1) {
    std::iota(parent_.begin(), parent_.end(), 0U);
}

std::uint32_t UnionFind::root_of(std::uint32_t document) {
    while (parent_[document] != document) {
        parent_[document] = parent_[parent_[document]];
        document = parent_[document];
    }
    return document;
}

void UnionFind::join(std::uint32_t a, std::uint32_t b) {
    std::uint32_t root = root_of(a);
    std::uint32_t child = root_of(b);
    if (root == child) {
        return;
    }
    if (size_[root] < size_[child]) {
        std::swap(root, child);
    }
    parent_[child] = root;
    size_[root] += size_[child];
}

std::vector<std::uint32_t> near_duplicate_roots(
    std::span<const std::vector<std::uint64_t>> signatures, const NearDedupSettings& settings
) {
    const std::size_t width = settings.minhash.hashes_per_bucket;
    UnionFind groups(signatures.size());
    std::vector<std::uint32_t> order;
    for (std::uint32_t document = 0; document < signatures.size(); ++document) {
        if (!signatures[document].empty()) {
            order.push_back(document);
        }
    }
    for (std::size_t bucket = 0; bucket < settings.minhash.buckets; ++bucket) {
        const auto band = [&](std::uint32_t document) {
            return std::span(signatures[document]).subspan(bucket * width, width);
        };
        std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
            const auto left = band(a);
            const auto right = band(b);
            const auto [l, r] = std::ranges::mismatch(left, right);
            return l == left.end() ? a < b : *l < *r;
        });
        for (std::size_t i = 1; i < order.size(); ++i) {
            const std::uint32_t a = order[i - 1];
            const std::uint32_t b = order[i];
            const bool is_pair = std::ranges::equal(band(a), band(b)) &&
                                 (settings.threshold <= 0.0 ||
                                  equal_share(signatures[a], signatures[b]) >= settings.threshold);
            if (is_pair) {
                groups.join(a, b);
            }
        }
    }
    std::vector<std::uint32_t> roots(signatures.size());
    for (std::uint32_t document = 0; document < roots.size(); ++document) {
        roots[document] = groups.root_of(document);
    }
    return roots;
}

}  // namespace capstan::corpus
