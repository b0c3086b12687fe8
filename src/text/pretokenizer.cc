#include "text/pretokenizer.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "text/bert_characters.h"
#include "text/limits.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

constexpr int kDepthMax = 8;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

std::string replace_spaces(std::string_view text, std::string_view replacement) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c == ' ') {
            out += replacement;
        } else {
            out += c;
        }
    }
    return out;
}

// Offset behind the run at `at` of `\w`, of neither `\w` nor `\s`, or of `\s`; and whether it is the last.
std::pair<std::size_t, bool> end_of_word_class(std::string_view text, std::size_t at) {
    const auto class_of = [](std::uint32_t c) {
        return is_word(c) ? 0 : kind_of(c) == CharacterKind::kSpace ? 1 : 2;
    };
    const int wanted = class_of(front_character(text.substr(at)).code_point);
    while (at < text.size()) {
        const Character c = front_character(text.substr(at));
        if (class_of(c.code_point) != wanted) {
            break;
        }
        at += c.length;
    }
    return {at, wanted == 1};
}

}  // namespace

Result<Pretokenizer> Pretokenizer::read(const Json& json) {
    Pretokenizer pretokenizer;
    if (auto added = pretokenizer.add(json, 0); !added) {
        return with_context("pre_tokenizer", added.error());
    }
    const std::vector<Step>& steps = pretokenizer.steps_;
    if (steps.size() == 1 && steps[0].kind == Kind::kPattern) {
        const bool keeps_words = steps[0].behavior == Behavior::kIsolated ||
                                 (steps[0].behavior == Behavior::kRemoved && steps[0].invert);
        if (keeps_words) {
            pretokenizer.only_pattern_ = steps[0].pattern;
        }
    }
    pretokenizer.is_bert_ = json.string_or("type", "") == "BertPreTokenizer";
    return pretokenizer;
}

Result<void> Pretokenizer::add(const Json& json, int depth) {
    if (json.is_null()) {
        return {};
    }
    if (steps_.size() >= kStepsMax || depth > kDepthMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("more than {} steps", kStepsMax)};
    }
    if (byte_level_) {
        return invalid("ByteLevel must be the last step");
    }
    const std::string type = json.string_or("type", "");
    if (type == "Sequence") {
        const Json::Array* parts = json["pretokenizers"].as_array();
        for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
            if (auto added = add((*parts)[i], depth + 1); !added) {
                return added;
            }
        }
        return {};
    }
    if (type == "ByteLevel") {
        return add_byte_level(json);
    }
    if (type == "Split") {
        return add_split(json);
    }
    if (type == "Metaspace") {
        return add_metaspace(json);
    }
    if (type == "Digits") {
        const bool individually = json.bool_or("individual_digits", false);
        const Behavior behavior = individually ? Behavior::kIsolated : Behavior::kContiguous;
        steps_.push_back({.kind = Kind::kDigits, .behavior = behavior});
        return {};
    }
    if (type == "Punctuation") {
        const auto behavior = behavior_of(json.string_or("behavior", "Isolated"));
        if (!behavior) {
            return behavior.error();
        }
        steps_.push_back({.kind = Kind::kPunctuation, .behavior = *behavior});
        return {};
    }
    if (type == "Whitespace") {
        steps_.push_back({.kind = Kind::kWords, .behavior = Behavior::kRemoved, .invert = true});
        return {};
    }
    if (type == "BertPreTokenizer") {
        add_bert();
        return {};
    }
    if (type == "WhitespaceSplit") {
        steps_.push_back({.kind = Kind::kSpace, .behavior = Behavior::kRemoved});
        return {};
    }
    return invalid(fmt::format("type '{}' is not supported", type.substr(0, 80)));
}

Pretokenizer Pretokenizer::bert() {
    Pretokenizer pretokenizer;
    pretokenizer.add_bert();
    pretokenizer.is_bert_ = true;
    return pretokenizer;
}

void Pretokenizer::add_bert() {
    steps_.push_back({.kind = Kind::kSpace, .behavior = Behavior::kRemoved});
    steps_.push_back({.kind = Kind::kBertPunctuation, .behavior = Behavior::kIsolated});
}

Result<void> Pretokenizer::add_byte_level(const Json& json) {
    if (json.bool_or("add_prefix_space", true)) {
        steps_.push_back({.kind = Kind::kPrefixSpace});
    }
    if (json.bool_or("use_regex", true)) {
        steps_.push_back({.kind = Kind::kPattern, .pattern = WordPattern::kGpt2});
    }
    byte_level_ = true;
    return {};
}

Result<void> Pretokenizer::add_split(const Json& json) {
    const auto behavior = behavior_of(json.string_or("behavior", ""));
    if (!behavior) {
        return behavior.error();
    }
    Step step{.kind = Kind::kLiteral, .behavior = *behavior, .invert = json.bool_or("invert", false)};
    const Json& pattern = json["pattern"];
    if (const std::string* literal = pattern["String"].as_string()) {
        step.literal = *literal;
    } else if (const std::string* expression = pattern["Regex"].as_string()) {
        if (const auto known = known_pattern(*expression)) {
            step.kind = Kind::kPattern;
            step.pattern = *known;
        } else {
            auto compiled = Regex::compile(*expression);
            if (!compiled) {
                return compiled.error();
            }
            step.kind = Kind::kExpression;
            step.expression = std::move(*compiled);
        }
    } else {
        return invalid("Split needs a pattern with 'String' or 'Regex'");
    }
    steps_.push_back(std::move(step));
    return {};
}

Result<void> Pretokenizer::add_metaspace(const Json& json) {
    Step step{.kind = Kind::kMetaspace, .behavior = Behavior::kMergedWithNext};
    step.literal = json.string_or("replacement", "\u2581");
    if (step.literal.empty() || utf8_length(step.literal) != step.literal.size()) {
        return invalid("Metaspace: the replacement must be one character");
    }
    step.split = json.bool_or("split", true);
    const std::string scheme =
        json.string_or("prepend_scheme", json.bool_or("add_prefix_space", true) ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never") {
        return invalid(fmt::format("Metaspace: prepend_scheme '{}' is not supported", scheme.substr(0, 80)));
    }
    step.scheme = scheme == "always" ? Scheme::kAlways : scheme == "first" ? Scheme::kFirst : Scheme::kNever;
    steps_.push_back(std::move(step));
    return {};
}

Result<Pretokenizer::Behavior> Pretokenizer::behavior_of(std::string_view name) {
    constexpr auto kNames = std::to_array<std::pair<std::string_view, Behavior>>({
        {"Isolated", Behavior::kIsolated},
        {"Removed", Behavior::kRemoved},
        {"MergedWithPrevious", Behavior::kMergedWithPrevious},
        {"MergedWithNext", Behavior::kMergedWithNext},
        {"Contiguous", Behavior::kContiguous},
    });
    for (const auto& [known, behavior] : kNames) {
        if (known == name) {
            return behavior;
        }
    }
    return invalid(fmt::format("behavior '{}' is not supported", name.substr(0, 80)));
}

// The whole of `text`, as matches and what is between them.
void Pretokenizer::find_parts(const Step& step, std::string_view text, std::vector<Part>& parts) {
    parts.clear();
    std::size_t done = 0;
    const auto add_match = [&](std::size_t begin, std::size_t end) {
        if (begin > done) {
            parts.push_back({done, begin, step.invert});
        }
        parts.push_back({begin, end, !step.invert});
        done = end;
    };
    const auto add_characters = [&](auto is_wanted) {
        for (std::size_t at = 0; at < text.size();) {
            const Character c = front_character(text.substr(at));
            if (is_wanted(c.code_point)) {
                add_match(at, at + c.length);
            }
            at += c.length;
        }
    };
    switch (step.kind) {
        case Kind::kPattern:
            while (done < text.size()) {
                add_match(done, done + first_word_bytes(step.pattern, text.substr(done)));
            }
            break;
        case Kind::kExpression:
            for (const RegexMatch& match : step.expression->matches(text)) {
                add_match(match.begin, match.end);
            }
            break;
        case Kind::kWords:
            for (std::size_t at = 0; at < text.size();) {
                const auto [end, is_space] = end_of_word_class(text, at);
                if (!is_space) {
                    add_match(at, end);
                }
                at = end;
            }
            break;
        case Kind::kSpace:
            add_characters([](std::uint32_t c) { return kind_of(c) == CharacterKind::kSpace; });
            break;
        case Kind::kDigits:
            add_characters([](std::uint32_t c) { return kind_of(c) == CharacterKind::kNumber; });
            break;
        case Kind::kBertPunctuation:
            add_characters(is_bert_punctuation);
            break;
        case Kind::kPunctuation:
            add_characters(is_punctuation);
            break;
        default:
            for (std::size_t at = text.find(step.literal);
                 !step.literal.empty() && at != std::string_view::npos;
                 at = text.find(step.literal, done)) {
                add_match(at, at + step.literal.size());
            }
    }
    if (done < text.size()) {
        parts.push_back({done, text.size(), step.invert});
    }
}

void Pretokenizer::apply_split(const Step& step, std::string_view word, Cut& cut) {
    find_parts(step, word, cut.parts);
    bool previous_matched = false;
    const std::size_t before = cut.next.size();
    for (const Part& part : cut.parts) {
        const bool joins = [&] {
            switch (step.behavior) {
                case Behavior::kContiguous:
                    return part.is_match == previous_matched;
                case Behavior::kMergedWithPrevious:
                    return part.is_match && !previous_matched;
                case Behavior::kMergedWithNext:
                    return !part.is_match && previous_matched;
                default:
                    return false;
            }
        }();
        previous_matched = part.is_match;
        if (step.behavior == Behavior::kRemoved && part.is_match) {
            continue;
        }
        if (joins && cut.next.size() > before) {
            std::string_view& last = cut.next.back();
            last = {last.data(), last.size() + part.end - part.begin};
        } else {
            cut.next.push_back(word.substr(part.begin, part.end - part.begin));
        }
    }
}

void Pretokenizer::apply_metaspace(const Step& step, std::string_view word, bool is_first, Cut& cut) {
    std::string replaced = replace_spaces(word, step.literal);
    const bool prepends = step.scheme == Scheme::kAlways || (step.scheme == Scheme::kFirst && is_first);
    if (prepends && !replaced.starts_with(step.literal)) {
        replaced.insert(0, step.literal);
    }
    const std::string& kept = cut.made.emplace_back(std::move(replaced));
    if (step.split) {
        apply_split(step, kept, cut);
    } else {
        cut.next.push_back(kept);
    }
}

void Pretokenizer::cut_by_steps(std::string_view text, bool is_first, Cut& cut) const {
    if (!text.empty()) {
        cut.words.push_back(text);
    }
    for (const Step& step : steps_) {
        cut.next.clear();
        bool at_start = is_first;
        for (const std::string_view word : cut.words) {
            if (step.kind == Kind::kMetaspace) {
                apply_metaspace(step, word, at_start, cut);
            } else if (step.kind != Kind::kPrefixSpace) {
                apply_split(step, word, cut);
            } else {
                const bool has_space = word.starts_with(' ');
                cut.next.push_back(has_space ? word : cut.made.emplace_back(' ' + std::string(word)));
            }
            at_start = false;
        }
        std::swap(cut.words, cut.next);
    }
}

}  // namespace capstan::text
