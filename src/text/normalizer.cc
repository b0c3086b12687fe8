#include "text/normalizer.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/base64.h"
#include "text/limits.h"

namespace capstan::text {
namespace {

constexpr int kDepthMax = 8;
constexpr std::string_view kMark = "\u2581";  // SentencePiece's sign for a space.

const std::map<std::string, NormalForm, std::less<>> kForms = {
    {"NFC", NormalForm::kNfc},
    {"NFD", NormalForm::kNfd},
    {"NFKC", NormalForm::kNfkc},
    {"NFKD", NormalForm::kNfkd}
};

std::vector<RegexMatch> literal_matches(std::string_view text, std::string_view what) {
    std::vector<RegexMatch> found;
    for (std::size_t at = text.find(what); !what.empty() && at != std::string_view::npos;
         at = text.find(what, found.back().end)) {
        found.push_back({.begin = at, .end = at + what.size()});
    }
    return found;
}

}  // namespace

Result<Replacement> Replacement::read(const Json& json) {
    Replacement replacement;
    replacement.content = json.string_or("content", "");
    const Json& pattern = json["pattern"];
    if (const std::string* literal = pattern["String"].as_string()) {
        replacement.literal = *literal;
        return replacement;
    }
    const std::string* expression = pattern["Regex"].as_string();
    if (expression == nullptr) {
        return Error{ErrorCode::kInvalid, "Replace needs a pattern with 'String' or 'Regex'"};
    }
    auto compiled = Regex::compile(*expression);
    if (!compiled) {
        return compiled.error();
    }
    replacement.expression = std::make_shared<const Regex>(std::move(*compiled));
    return replacement;
}

std::string Replacement::apply(std::string_view text, std::size_t bytes_max) const {
    std::string out;
    std::size_t done = 0;
    for (const RegexMatch& match : expression ? expression->matches(text) : literal_matches(text, literal)) {
        const std::size_t rest = text.size() - match.end;
        if (out.size() + (match.begin - done) + content.size() + rest > std::max(bytes_max, text.size())) {
            break;
        }
        out.append(text.substr(done, match.begin - done)).append(content);
        done = match.end;
    }
    return out.append(text.substr(done));
}

Result<Normalizer> Normalizer::read(const Json& json) {
    Normalizer normalizer;
    if (auto added = normalizer.add(json, 0); !added) {
        return with_context("normalizer", added.error());
    }
    return normalizer;
}

Result<void> Normalizer::add(const Json& json, int depth) {
    if (json.is_null()) {
        return {};
    }
    if (steps_.size() >= kStepsMax || depth > kDepthMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("more than {} steps", kStepsMax)};
    }
    const std::string type = json.string_or("type", "");
    if (type != "Sequence") {
        return add_step(json, type);
    }
    const Json::Array* parts = json["normalizers"].as_array();
    for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
        if (auto added = add((*parts)[i], depth + 1); !added) {
            return added;
        }
    }
    return {};
}

Result<void> Normalizer::add_step(const Json& json, std::string_view type) {
    if (const auto form = kForms.find(type); form != kForms.end()) {
        steps_.emplace_back(form->second);
    } else if (type == "Lowercase") {
        steps_.emplace_back(LowerCase{});
    } else if (type == "StripAccents") {
        steps_.emplace_back(StripMarks{});
    } else if (type == "Strip") {
        steps_.emplace_back(
            StripSpace{.left = json.bool_or("strip_left", true), .right = json.bool_or("strip_right", true)}
        );
    } else if (type == "Prepend") {
        steps_.emplace_back(Prepend{json.string_or("prepend", "")});
    } else if (type == "BertNormalizer") {
        const bool lower_cases = json.bool_or("lowercase", true);
        steps_.emplace_back(BertNormalizing{
            .cleans_text = json.bool_or("clean_text", true),
            .spaces_around_han = json.bool_or("handle_chinese_chars", true),
            .strips_accents = json.bool_or("strip_accents", lower_cases),
            .lower_cases = lower_cases
        });
    } else if (type == "Replace") {
        auto replacement = Replacement::read(json);
        if (!replacement) {
            return replacement.error();
        }
        steps_.emplace_back(std::move(*replacement));
    } else if (type == "Precompiled") {
        const std::string* coded = json["precompiled_charsmap"].as_string();
        if (coded == nullptr) {
            return {};  // Null stands for no map.
        }
        const auto bytes = decode_base64(*coded);
        auto map =
            bytes ? Charsmap::read(*bytes, Charsmap::Walk::kClusters) : Result<Charsmap>(bytes.error());
        if (!map) {
            return with_context("precompiled_charsmap", map.error());
        }
        steps_.emplace_back(std::move(*map));
    } else {
        return Error{ErrorCode::kInvalid, fmt::format("type '{}' is not supported", type.substr(0, 80))};
    }
    return {};
}

Normalizer Normalizer::sentence_piece(SentencePiece wanted) {
    Normalizer normalizer;
    if (wanted.charsmap) {
        normalizer.steps_.emplace_back(std::move(*wanted.charsmap));
    }
    if (wanted.joins_spaces) {
        normalizer.steps_.emplace_back(JoinSpaces{});
    }
    if (wanted.prepends_space) {
        normalizer.steps_.emplace_back(Prepend{" "});
    }
    if (wanted.marks_spaces) {
        normalizer.steps_.emplace_back(
            Replacement{.literal = " ", .expression = nullptr, .content = std::string(kMark)}
        );
    }
    return normalizer;
}

Normalizer Normalizer::bert(const BertNormalizing& wanted) {
    Normalizer normalizer;
    normalizer.steps_.emplace_back(wanted);
    return normalizer;
}

bool Normalizer::takes_any_bytes() const {
    return std::ranges::none_of(steps_, [](const Step& step) {
        const auto* replacement = std::get_if<Replacement>(&step);
        return (replacement != nullptr && replacement->expression != nullptr) ||
               std::holds_alternative<BertNormalizing>(step) || std::holds_alternative<Charsmap>(step);
    });
}

std::string Normalizer::apply(std::string_view text) const {
    const std::size_t bytes_max = replaced_bytes_max(text.size());
    std::string current(text);
    for (const Step& step : steps_) {
        current = std::visit([&](const auto& s) { return apply_step(s, current, bytes_max); }, step);
    }
    return current;
}

std::string Normalizer::apply_step(NormalForm form, std::string_view text, std::size_t) {
    return normalize(text, form);
}

std::string Normalizer::apply_step(LowerCase, std::string_view text, std::size_t) {
    return lower_case(text);
}

std::string Normalizer::apply_step(StripMarks, std::string_view text, std::size_t) {
    return strip_marks(text);
}

std::string Normalizer::apply_step(StripSpace step, std::string_view text, std::size_t) {
    std::size_t begin = text.size();
    std::size_t end = 0;
    for (std::size_t at = 0; at < text.size();) {
        const Character c = front_character(text.substr(at));
        if (kind_of(c.code_point) != CharacterKind::kSpace) {
            begin = std::min(begin, at);
            end = at + c.length;
        }
        at += c.length;
    }
    begin = step.left ? begin : 0;
    end = step.right ? end : text.size();
    return end <= begin ? std::string() : std::string(text.substr(begin, end - begin));
}

std::string Normalizer::apply_step(const Prepend& step, std::string_view text, std::size_t bytes_max) {
    const bool fits = step.prefix.size() + text.size() <= bytes_max;
    return text.empty() || !fits ? std::string(text) : step.prefix + std::string(text);
}

std::string Normalizer::apply_step(const Replacement& step, std::string_view text, std::size_t bytes_max) {
    return step.apply(text, bytes_max);
}

std::string Normalizer::apply_step(const BertNormalizing& step, std::string_view text, std::size_t) {
    return normalize_as_bert(text, step);
}

std::string Normalizer::apply_step(const Charsmap& step, std::string_view text, std::size_t bytes_max) {
    return step.apply(text, bytes_max);
}

std::string Normalizer::apply_step(JoinSpaces, std::string_view text, std::size_t) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c != ' ' || (!out.empty() && out.back() != ' ')) {
            out += c;
        }
    }
    // At the end marks that the text came with are as good as spaces.
    std::string_view kept = out;
    while (kept.ends_with(' ') || kept.ends_with(kMark)) {
        kept.remove_suffix(kept.ends_with(' ') ? 1 : kMark.size());
    }
    out.resize(kept.size());
    return out;
}

}  // namespace capstan::text
