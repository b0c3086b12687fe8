#include "platform/config/closest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace capstan::config {
namespace {

constexpr std::size_t kNameBytesMax = 200;  // A longer name is no slip of the finger.

// Levenshtein's distance by the two-row method of Wagner and Fischer (1974).
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::string closest(std::string_view name, std::span<const std::string_view> known) {
    if (name.size() > kNameBytesMax) {
        return "";
    }
    std::string_view best;
    std::size_t best_edits = kNameBytesMax;
    for (const std::string_view candidate : known) {
        const std::size_t count = edits(name, candidate);
        if (count < best_edits && count <= candidate.size() / 3) {
            best = candidate;
            best_edits = count;
        }
    }
    if (!best.empty()) {
        return std::string(best);
    }
    std::vector<std::string_view> same_end;
    for (const std::string_view candidate : known) {
        if (candidate.ends_with("." + std::string(name))) {
            same_end.push_back(candidate);
        }
    }
    return same_end.size() == 1 ? std::string(same_end.front()) : "";
}

}  // namespace capstan::config
