#pragma once

// ROUGE (Lin 2004) as google-research's rouge-score computes it without stemming: lower case, runs of a-z and
// 0-9 are the tokens. Text in other scripts has no tokens and scores 0.

#include <cstddef>
#include <string_view>

namespace capstan::metrics {

struct RougeScore {
    double precision = 0.0;
    double recall = 0.0;
    double f1 = 0.0;
};

// Texts are cut after this many tokens: the longest common subsequence costs their product.
constexpr std::size_t kRougeTokensMax = 10'000;
constexpr std::size_t kRougeLineTokensMax = 2'000;  // Of one line, for rouge_l_sum.

// n is 1 to 9.
RougeScore rouge_n(std::string_view hypothesis, std::string_view reference, std::size_t n);

// The longest common subsequence of the whole texts.
RougeScore rouge_l(std::string_view hypothesis, std::string_view reference);

// Line by line, the union of each reference line's longest common subsequences with all hypothesis lines.
RougeScore rouge_l_sum(std::string_view hypothesis, std::string_view reference);

}  // namespace capstan::metrics
