#include "corpus/pairs.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/hash.h"
#include "corpus/man_sections.h"

namespace capstan::corpus {
namespace {

constexpr std::size_t kAnswerBytesMin = 8;

constexpr std::array<std::string_view, 4> kNameQuestions = {
    "What does {} do?", "What is {}?", "What is {} for?", "Describe {} in one line."
};
constexpr std::array<std::string_view, 3> kSynopsisQuestions = {
    "What is the synopsis of {}?", "How is {} used?", "Show the usage of {}."
};

struct Draft {
    std::string_view kind;
    std::span<const std::string_view> questions;
    std::string answer;
};

std::string phrase(const Draft& draft, const Record& record, std::string_view subject, std::uint64_t seed) {
    const std::string key = record.id + "#" + std::string(draft.kind);
    std::string question(draft.questions[xxh64(key, seed) % draft.questions.size()]);
    return question.replace(question.find("{}"), 2, subject);
}

// Commands go by their name alone; calls and files say the section, as manual pages do themselves.
std::string subject_of(const std::string& name, std::string_view section) {
    const bool is_command = section.starts_with('1') || section.starts_with('8') || section.starts_with('6');
    return "`" + name + (is_command ? "" : "(" + std::string(section) + ")") + "`";
}

}  // namespace

std::vector<Pair> man_pairs(const Record& record, const PairSettings& settings, DropLog& dropped) {
    std::vector<Pair> pairs;
    if (record.source.string_or("kind", "") != "manpage") {
        return pairs;
    }
    const ManName name = man_name(record.text);
    if (name.names.empty()) {
        dropped.add({.reason = "no_name_section", .id = record.id, .detail = {}});
        return pairs;
    }
    const std::string page_name = record.meta.string_or("name", "");
    const std::string section = record.meta.string_or("section", "");
    const bool is_listed = std::ranges::find(name.names, page_name) != name.names.end();
    const std::string& shown = is_listed ? page_name : name.names.front();
    std::array<Draft, 2> drafts = {
        Draft{"name", kNameQuestions, shown + " - " + name.description},
        Draft{"synopsis", kSynopsisQuestions, join_white_space(man_section_body(record.text, "SYNOPSIS"))},
    };
    for (auto& draft : drafts) {
        if (draft.answer.size() < kAnswerBytesMin) {
            dropped.add({.reason = "no_answer", .id = record.id, .detail = std::string(draft.kind)});
        } else if (draft.answer.size() > settings.answer_bytes_max) {
            dropped.add({.reason = "answer_too_long", .id = record.id, .detail = std::string(draft.kind)});
        } else {
            pairs.push_back(
                {.id = record.id + "#" + std::string(draft.kind),
                 .question = phrase(draft, record, subject_of(shown, section), settings.seed),
                 .answer = std::move(draft.answer),
                 .page = page_name + "(" + section + ")",
                 .record = record.id}
            );
        }
    }
    return pairs;
}

}  // namespace capstan::corpus
