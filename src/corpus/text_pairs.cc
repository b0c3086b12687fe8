#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "corpus/man_sections.h"
#include "corpus/pairs.h"

namespace capstan::corpus {
namespace {

constexpr std::size_t kSentenceBytesMin = 20;
constexpr std::size_t kQuestionBytesMax = 300;
constexpr std::size_t kPairsPerRecordMax = 2;
constexpr std::size_t kBytesRead = 20'000;  // Of a long document, its front.

bool ends_sentence(std::string_view text, std::size_t i) {
    const bool is_mark = text[i] == '.' || text[i] == '!' || text[i] == '?';
    return is_mark && (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n');
}

// Sentences end at ". ", "! " or "? ", and at blank lines; white space inside is folded.
std::vector<std::string> sentences_of(std::string_view text) {
    std::vector<std::string> sentences;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_blank_line = text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '\n';
        if (!is_blank_line && !ends_sentence(text, i)) {
            continue;
        }
        sentences.push_back(join_white_space(text.substr(begin, i + 1 - begin)));
        begin = i + 1;
    }
    return sentences;
}

}  // namespace

std::vector<Pair> text_pairs(const Record& record, const PairSettings& settings, DropLog& dropped) {
    std::vector<Pair> pairs;
    if (record.source.string_or("kind", "") == "manpage") {
        return pairs;
    }
    const auto sentences = sentences_of(std::string_view(record.text).substr(0, kBytesRead));
    const auto fits = [&](std::size_t i) {
        const std::string& question = sentences[i];
        const std::string& answer = sentences[i + 1];
        return question.size() >= kSentenceBytesMin && question.size() <= kQuestionBytesMax &&
               answer.size() >= kSentenceBytesMin && answer.size() <= settings.answer_bytes_max;
    };
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i + 1 < sentences.size(); ++i) {
        if (fits(i)) {
            candidates.push_back(i);
        }
    }
    if (candidates.empty()) {
        dropped.add({.reason = "no_two_sentences", .id = record.id, .detail = {}});
        return pairs;
    }
    const std::size_t wanted = std::min(kPairsPerRecordMax, candidates.size());
    const std::size_t first = xxh64(record.id, settings.seed) % candidates.size();
    for (std::size_t k = 0; k < wanted; ++k) {
        const std::size_t i = candidates[(first + k * (candidates.size() / wanted)) % candidates.size()];
        pairs.push_back(
            {.id = fmt::format("{}#follows-{}", record.id, k + 1),
             .question = fmt::format("What follows \"{}\"?", sentences[i]),
             .answer = sentences[i + 1],
             .page = "",
             .record = record.id}
        );
    }
    return pairs;
}

}  // namespace capstan::corpus
