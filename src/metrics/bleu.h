#pragma once

// BLEU (Papineni et al. 2002) as sacreBLEU computes it: 13a tokens, orders 1 to 4, exponential smoothing.
// Signature: nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::metrics {

// The tokeniser of mteval-v13a, joined by spaces as sacreBLEU gives it.
std::string tokenise_13a(std::string_view text);

struct BleuStatistics {
    std::array<std::uint64_t, 4> matches{};  // By order.
    std::array<std::uint64_t, 4> totals{};
    std::uint64_t hypothesis_tokens = 0;
    std::uint64_t reference_tokens = 0;  // Of the reference nearest in length; the shorter one of two.

    BleuStatistics& operator+=(const BleuStatistics& other);
};

enum class BleuOrder {
    kAll,        // All four; for a corpus.
    kEffective,  // Only those that the hypothesis is long enough for; for one sentence.
};

struct Bleu {
    double score = 0.0;  // 0 to 100.
    std::array<double, 4> precisions{};
    double brevity_penalty = 0.0;
};

// Of one segment. Statistics of segments add up to a corpus's.
BleuStatistics bleu_statistics(std::string_view hypothesis, std::span<const std::string> references);
Bleu bleu_of(const BleuStatistics& statistics, BleuOrder order);

// Of a corpus. kInvalid when the counts differ or a segment has no reference.
Result<Bleu> corpus_bleu(
    std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references
);

}  // namespace capstan::metrics
