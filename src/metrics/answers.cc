#include "metrics/answers.h"

#include <algorithm>
#include <vector>

#include "metrics/ngrams.h"
#include "metrics/words.h"

namespace capstan::metrics {
namespace {

// Lower case (ASCII) without punctuation (ASCII), as Python's string.punctuation has it.
std::string reduced(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_letter_or_digit =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (byte > 0x20 && byte < 0x7F && !is_letter_or_digit) {
            continue;
        }
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

bool is_article(std::string_view word) {
    return word == "a" || word == "an" || word == "the";
}

}  // namespace

std::string normalised_answer(std::string_view text) {
    std::string joined;
    const std::string plain = reduced(text);
    for (const auto word : split_words(plain)) {
        if (!is_article(word)) {
            joined += joined.empty() ? "" : " ";
            joined += word;
        }
    }
    return joined;
}

double exact_match(std::string_view answer, std::string_view right) {
    return normalised_answer(answer) == normalised_answer(right) ? 1.0 : 0.0;
}

double token_f1(std::string_view answer, std::string_view right) {
    const std::string mine_text = normalised_answer(answer);
    const std::string theirs_text = normalised_answer(right);
    const auto mine = count_ngrams(split_words(mine_text), 1, "");
    const auto theirs = count_ngrams(split_words(theirs_text), 1, "");
    if (mine.empty() || theirs.empty()) {
        return mine.empty() && theirs.empty() ? 1.0 : 0.0;
    }
    const auto shared = static_cast<double>(shared_count(mine, theirs));
    const double all = static_cast<double>(total_count(mine)) + static_cast<double>(total_count(theirs));
    return 2.0 * shared / all;
}

}  // namespace capstan::metrics
