#include "metrics/rouge.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "metrics/ngrams.h"

namespace capstan::metrics {
namespace {

using Tokens = std::vector<std::string>;

// The two characters beyond ASCII whose lower case begins with an ASCII letter in Python.
constexpr std::string_view kKelvinSign = "\u212A";
constexpr std::string_view kDottedI = "\u0130";

Tokens tokenise(std::string_view text, std::size_t tokens_max) {
    Tokens tokens;
    std::string token;
    const auto close = [&] {
        if (!token.empty()) {
            tokens.push_back(std::move(token));
            token.clear();
        }
    };
    for (std::size_t i = 0; i < text.size() && tokens.size() < tokens_max; ++i) {
        const char c = text[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            token += c;
        } else if (c >= 'A' && c <= 'Z') {
            token += static_cast<char>(c - 'A' + 'a');
        } else if (text.substr(i).starts_with(kKelvinSign)) {
            token += 'k';
            i += kKelvinSign.size() - 1;
        } else if (text.substr(i).starts_with(kDottedI)) {
            token += 'i';
            close();  // Its dot is a character of its own.
            i += kDottedI.size() - 1;
        } else {
            close();
        }
    }
    close();
    tokens.resize(std::min(tokens.size(), tokens_max));
    return tokens;
}

RougeScore score_of(std::size_t hits, std::size_t hypothesis, std::size_t reference) {
    RougeScore score;
    if (hypothesis == 0 || reference == 0) {
        return score;
    }
    score.precision = static_cast<double>(hits) / static_cast<double>(hypothesis);
    score.recall = static_cast<double>(hits) / static_cast<double>(reference);
    if (score.precision + score.recall > 0.0) {
        score.f1 = 2.0 * score.precision * score.recall / (score.precision + score.recall);
    }
    return score;
}

NGramCounts ngrams_of(const Tokens& tokens, std::size_t n) {
    return count_ngrams({tokens.begin(), tokens.end()}, n, " ");
}

std::size_t common_length(const Tokens& a, const Tokens& b) {
    std::vector<std::size_t> above(b.size() + 1, 0);
    std::vector<std::size_t> row(b.size() + 1, 0);
    for (const auto& token : a) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = token == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
        }
        std::swap(above, row);
    }
    return above[b.size()];
}

// Which tokens of `reference` one longest common subsequence takes: the one that rouge-score walks back to.
void add_common(const Tokens& reference, const Tokens& candidate, std::set<std::size_t>& taken) {
    const std::size_t width = candidate.size() + 1;
    std::vector<std::uint32_t> table((reference.size() + 1) * width, 0);
    for (std::size_t i = 1; i <= reference.size(); ++i) {
        for (std::size_t j = 1; j <= candidate.size(); ++j) {
            table[i * width + j] = reference[i - 1] == candidate[j - 1]
                                       ? table[(i - 1) * width + j - 1] + 1
                                       : std::max(table[(i - 1) * width + j], table[i * width + j - 1]);
        }
    }
    std::size_t i = reference.size();
    std::size_t j = candidate.size();
    while (i > 0 && j > 0) {
        if (reference[i - 1] == candidate[j - 1]) {
            taken.insert(i - 1);
            i -= 1;
            j -= 1;
        } else if (table[i * width + j - 1] > table[(i - 1) * width + j]) {
            j -= 1;
        } else {
            i -= 1;
        }
    }
}

struct Lines {
    std::vector<Tokens> lines;
    std::unordered_map<std::string, std::size_t> counts;
    std::size_t tokens = 0;
};

Lines lines_of(std::string_view text) {
    Lines result;
    while (!text.empty() && result.tokens < kRougeTokensMax) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        auto tokens = tokenise(line, kRougeLineTokensMax);
        result.tokens += tokens.size();
        for (const auto& token : tokens) {
            result.counts[token] += 1;
        }
        if (!tokens.empty()) {
            result.lines.push_back(std::move(tokens));
        }
    }
    return result;
}

}  // namespace

RougeScore rouge_n(std::string_view hypothesis, std::string_view reference, std::size_t n) {
    const auto mine = ngrams_of(tokenise(hypothesis, kRougeTokensMax), n);
    const auto theirs = ngrams_of(tokenise(reference, kRougeTokensMax), n);
    return score_of(shared_count(mine, theirs), total_count(mine), total_count(theirs));
}

RougeScore rouge_l(std::string_view hypothesis, std::string_view reference) {
    const auto mine = tokenise(hypothesis, kRougeTokensMax);
    const auto theirs = tokenise(reference, kRougeTokensMax);
    return score_of(common_length(theirs, mine), mine.size(), theirs.size());
}

RougeScore rouge_l_sum(std::string_view hypothesis, std::string_view reference) {
    Lines mine = lines_of(hypothesis);
    Lines theirs = lines_of(reference);
    std::size_t hits = 0;
    for (const auto& line : theirs.lines) {
        std::set<std::size_t> taken;
        for (const auto& candidate : mine.lines) {
            add_common(line, candidate, taken);
        }
        for (const auto i : taken) {
            auto& left_here = mine.counts[line[i]];
            auto& left_there = theirs.counts[line[i]];
            if (left_here > 0 && left_there > 0) {
                hits += 1;
                left_here -= 1;
                left_there -= 1;
            }
        }
    }
    return score_of(hits, mine.tokens, theirs.tokens);
}

}  // namespace capstan::metrics
