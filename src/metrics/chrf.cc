#include "metrics/chrf.h"

#include "metrics/ngrams.h"
#include "metrics/words.h"

namespace capstan::metrics {
namespace {

constexpr std::size_t kCharacterOrders = 6;
constexpr std::size_t kWordOrders = 2;
constexpr double kBetaSquared = 4.0;

using AllNGrams = std::array<NGramCounts, kCharacterOrders + kWordOrders>;

bool is_mark(std::string_view character) {
    return character.size() == 1 &&
           std::string_view("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").find(character[0]) !=
               std::string_view::npos;
}

// One mark is split off each word: at its end, else at its start.
std::vector<std::string_view> words_and_marks(std::string_view text) {
    std::vector<std::string_view> words;
    for (const auto word : split_words(text)) {
        const auto characters = characters_of(word);
        if (characters.size() > 1 && is_mark(characters.back())) {
            words.push_back(word.substr(0, word.size() - 1));
            words.push_back(word.substr(word.size() - 1));
        } else if (characters.size() > 1 && is_mark(characters.front())) {
            words.push_back(word.substr(0, 1));
            words.push_back(word.substr(1));
        } else {
            words.push_back(word);
        }
    }
    return words;
}

AllNGrams ngrams_of(std::string_view text, ChrfKind kind) {
    AllNGrams ngrams;
    std::string joined;
    for (const auto word : split_words(text)) {
        joined += word;
    }
    const auto characters = characters_of(joined);
    for (std::size_t n = 0; n < kCharacterOrders; ++n) {
        ngrams[n] = count_ngrams(characters, n + 1, "");
    }
    if (kind == ChrfKind::kChrfPlusPlus) {
        const auto words = words_and_marks(text);
        for (std::size_t n = 0; n < kWordOrders; ++n) {
            ngrams[kCharacterOrders + n] = count_ngrams(words, n + 1, " ");
        }
    }
    return ngrams;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

ChrfStatistics& ChrfStatistics::operator+=(const ChrfStatistics& other) {
    for (std::size_t i = 0; i < orders.size(); ++i) {
        orders[i].hypothesis += other.orders[i].hypothesis;
        orders[i].reference += other.orders[i].reference;
        orders[i].matches += other.orders[i].matches;
    }
    return *this;
}

ChrfStatistics chrf_statistics(
    std::string_view hypothesis, std::span<const std::string> references, ChrfKind kind
) {
    const auto mine = ngrams_of(hypothesis, kind);
    ChrfStatistics best;
    double best_score = -1.0;
    for (const auto& reference : references) {
        const auto theirs = ngrams_of(reference, kind);
        ChrfStatistics statistics;
        for (std::size_t i = 0; i < mine.size(); ++i) {
            statistics.orders[i] = {
                // What no reference could have counts for nothing.
                .hypothesis = theirs[i].empty() ? 0 : total_count(mine[i]),
                .reference = total_count(theirs[i]),
                .matches = shared_count(mine[i], theirs[i]),
            };
        }
        if (const double score = chrf_of(statistics, kind); score > best_score) {
            best_score = score;
            best = statistics;
        }
    }
    return best;
}

double chrf_of(const ChrfStatistics& statistics, ChrfKind kind) {
    const std::size_t orders = kCharacterOrders + (kind == ChrfKind::kChrfPlusPlus ? kWordOrders : 0);
    double precision = 0.0;
    double recall = 0.0;
    double effective = 0.0;
    for (std::size_t i = 0; i < orders; ++i) {
        const auto& order = statistics.orders[i];
        if (order.hypothesis > 0 && order.reference > 0) {
            precision += ratio(order.matches, order.hypothesis);
            recall += ratio(order.matches, order.reference);
            effective += 1.0;
        }
    }
    if (precision + recall == 0.0) {
        return 0.0;
    }
    precision /= effective;
    recall /= effective;
    return 100.0 * (1.0 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

Result<double> corpus_chrf(
    std::span<const std::string> hypotheses,
    std::span<const std::vector<std::string>> references,
    ChrfKind kind
) {
    if (hypotheses.size() != references.size() || hypotheses.empty()) {
        return Error{
            ErrorCode::kInvalid,
            "chrF needs as many hypotheses as sets of references, and at least one; there are " +
                std::to_string(hypotheses.size()) + " and " + std::to_string(references.size())
        };
    }
    ChrfStatistics total;
    for (std::size_t i = 0; i < hypotheses.size(); ++i) {
        if (references[i].empty()) {
            return Error{ErrorCode::kInvalid, "segment " + std::to_string(i) + " has no reference"};
        }
        total += chrf_statistics(hypotheses[i], references[i], kind);
    }
    return chrf_of(total, kind);
}

}  // namespace capstan::metrics
