#include "metrics/bleu.h"

#include <cmath>
#include <cstdlib>

#include "metrics/ngrams.h"
#include "metrics/words.h"

namespace capstan::metrics {
namespace {

constexpr std::size_t kOrders = 4;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    std::string out;
    std::size_t begin = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, begin)) {
        out += text.substr(begin, at - begin);
        out += with;
        begin = at + what.size();
    }
    return out + text.substr(begin);
}

bool is_digit(std::string_view character) {
    return character.size() == 1 && character[0] >= '0' && character[0] <= '9';
}

bool is_stop(std::string_view character) {
    return character == "." || character == ",";
}

// [\{-\~\[-\` -\&\(-\+\:-\@\/] of mteval: marks other than "'", ",", "-" and ".".
bool is_mark(std::string_view character) {
    if (character.size() != 1) {
        return false;
    }
    const char c = character[0];
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

std::string space_marks(const std::string& text) {
    std::string out;
    for (const auto character : characters_of(text)) {
        out += is_mark(character) ? " " + std::string(character) + " " : std::string(character);
    }
    return out;
}

// Replaces pairs of neighbours from left to right, each character in one pair at most: re.sub with two
// groups.
template <typename IsPair>
std::string space_pairs(
    const std::string& text, IsPair is_pair, std::string_view before, std::string_view after
) {
    const auto characters = characters_of(text);
    std::string out;
    std::size_t i = 0;
    while (i < characters.size()) {
        if (i + 1 < characters.size() && is_pair(characters[i], characters[i + 1])) {
            out += before;
            out += characters[i];
            out += ' ';
            out += characters[i + 1];
            out += after;
            i += 2;
        } else {
            out += characters[i];
            i += 1;
        }
    }
    return out;
}

double logarithm(double value) {
    return value == 0.0 ? -9999999999.0 : std::log(value);  // As sacreBLEU has it.
}

}  // namespace

std::string tokenise_13a(std::string_view text) {
    std::string line = replaced(std::string(text), "<skipped>", "");
    line = replaced(std::move(line), "-\n", "");
    line = replaced(std::move(line), "\n", " ");
    if (line.find('&') != std::string::npos) {
        line = replaced(std::move(line), "&quot;", "\"");
        line = replaced(std::move(line), "&amp;", "&");
        line = replaced(std::move(line), "&lt;", "<");
        line = replaced(std::move(line), "&gt;", ">");
    }
    line = space_marks(" " + line + " ");
    line = space_pairs(line, [](auto a, auto b) { return !is_digit(a) && is_stop(b); }, "", " ");
    line = space_pairs(line, [](auto a, auto b) { return is_stop(a) && !is_digit(b); }, " ", "");
    line = space_pairs(line, [](auto a, auto b) { return is_digit(a) && b == "-"; }, "", " ");
    std::string joined;
    for (const auto word : split_words(line)) {
        joined += joined.empty() ? "" : " ";
        joined += word;
    }
    return joined;
}

BleuStatistics& BleuStatistics::operator+=(const BleuStatistics& other) {
    for (std::size_t n = 0; n < kOrders; ++n) {
        matches[n] += other.matches[n];
        totals[n] += other.totals[n];
    }
    hypothesis_tokens += other.hypothesis_tokens;
    reference_tokens += other.reference_tokens;
    return *this;
}

BleuStatistics bleu_statistics(std::string_view hypothesis, std::span<const std::string> references) {
    BleuStatistics statistics;
    const std::string tokenised = tokenise_13a(without_trailing_space(hypothesis));
    const auto tokens = split_words(tokenised);
    statistics.hypothesis_tokens = tokens.size();
    std::array<NGramCounts, kOrders> allowed;  // The most that any one reference has.
    bool is_first = true;
    for (const auto& reference : references) {
        const std::string reference_text = tokenise_13a(without_trailing_space(reference));
        const auto reference_tokens = split_words(reference_text);
        const auto distance = [&](std::uint64_t length) {
            return std::abs(static_cast<std::int64_t>(length) - static_cast<std::int64_t>(tokens.size()));
        };
        const std::uint64_t length = reference_tokens.size();
        const bool is_nearer = distance(length) < distance(statistics.reference_tokens) ||
                               (distance(length) == distance(statistics.reference_tokens) &&
                                length < statistics.reference_tokens);
        if (is_first || is_nearer) {
            statistics.reference_tokens = length;
        }
        is_first = false;
        for (std::size_t n = 0; n < kOrders; ++n) {
            for (const auto& [ngram, count] : count_ngrams(reference_tokens, n + 1, " ")) {
                auto& most = allowed[n][ngram];
                most = std::max(most, count);
            }
        }
    }
    for (std::size_t n = 0; n < kOrders; ++n) {
        const auto counts = count_ngrams(tokens, n + 1, " ");
        statistics.matches[n] = shared_count(counts, allowed[n]);
        statistics.totals[n] = total_count(counts);
    }
    return statistics;
}

Bleu bleu_of(const BleuStatistics& statistics, BleuOrder order) {
    Bleu bleu;
    const auto hypothesis = static_cast<double>(statistics.hypothesis_tokens);
    const auto reference = static_cast<double>(statistics.reference_tokens);
    if (hypothesis >= reference) {
        bleu.brevity_penalty = 1.0;
    } else if (hypothesis > 0) {
        bleu.brevity_penalty = std::exp(1.0 - reference / hypothesis);
    }
    if (std::ranges::all_of(statistics.matches, [](auto count) { return count == 0; })) {
        return bleu;
    }
    double smoothing = 1.0;
    std::size_t orders = kOrders;
    for (std::size_t n = 0; n < kOrders && statistics.totals[n] > 0; ++n) {
        const auto total = static_cast<double>(statistics.totals[n]);
        orders = order == BleuOrder::kEffective ? n + 1 : orders;
        if (statistics.matches[n] == 0) {
            smoothing *= 2.0;
            bleu.precisions[n] = 100.0 / (smoothing * total);
        } else {
            bleu.precisions[n] = 100.0 * static_cast<double>(statistics.matches[n]) / total;
        }
    }
    double sum = 0.0;
    for (std::size_t n = 0; n < orders; ++n) {
        sum += logarithm(bleu.precisions[n]);
    }
    bleu.score = bleu.brevity_penalty * std::exp(sum / static_cast<double>(orders));
    return bleu;
}

Result<Bleu> corpus_bleu(
    std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references
) {
    if (hypotheses.size() != references.size() || hypotheses.empty()) {
        return Error{
            ErrorCode::kInvalid,
            "BLEU needs as many hypotheses as sets of references, and at least one; there are " +
                std::to_string(hypotheses.size()) + " and " + std::to_string(references.size())
        };
    }
    BleuStatistics total;
    for (std::size_t i = 0; i < hypotheses.size(); ++i) {
        if (references[i].empty()) {
            return Error{ErrorCode::kInvalid, "segment " + std::to_string(i) + " has no reference"};
        }
        total += bleu_statistics(hypotheses[i], references[i]);
    }
    return bleu_of(total, BleuOrder::kAll);
}

}  // namespace capstan::metrics
