#pragma once

// chrF (Popović 2015) and chrF++ as sacreBLEU computes them: F2 over character n-grams of one to six, white
// space left out, and for chrF++ word n-grams of one and two.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::metrics {

enum class ChrfKind { kChrf, kChrfPlusPlus };

struct ChrfStatistics {
    struct Order {
        std::uint64_t hypothesis = 0;
        std::uint64_t reference = 0;
        std::uint64_t matches = 0;
    };

    std::array<Order, 8> orders{};  // Characters 1 to 6, words 1 and 2.

    ChrfStatistics& operator+=(const ChrfStatistics& other);
};

// Of one segment, against the reference that it agrees with best. Statistics add up to a corpus's.
ChrfStatistics chrf_statistics(
    std::string_view hypothesis, std::span<const std::string> references, ChrfKind kind
);

double chrf_of(const ChrfStatistics& statistics, ChrfKind kind);  // 0 to 100.

// Of a corpus. kInvalid when the counts differ or a segment has no reference.
Result<double> corpus_chrf(
    std::span<const std::string> hypotheses,
    std::span<const std::vector<std::string>> references,
    ChrfKind kind
);

}  // namespace capstan::metrics
