#include "text/token_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/limits.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

constexpr int kDepthMax = 8;
constexpr int kReplacementsMax = 4;  // Each may multiply the text.

std::string join(const std::vector<std::string>& tokens, std::string_view separator) {
    std::string joined;
    for (const std::string& token : tokens) {
        joined.append(joined.empty() && &token == &tokens.front() ? "" : separator).append(token);
    }
    return joined;
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<unsigned>(c - 'A' + 10);
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a' + 10);
    }
    return std::nullopt;
}

// "<0xE2>" is the byte E2.
std::optional<char> byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) {
        return std::nullopt;
    }
    const auto high = hex_digit(token[3]);
    const auto low = hex_digit(token[4]);
    if (!high || !low) {
        return std::nullopt;
    }
    return static_cast<char>(*high << 4 | *low);
}

// What a byte-level token stands for; itself when it is not in the byte alphabet.
std::string byte_level_bytes(std::string_view token) {
    return from_byte_alphabet(token).value_or(std::string(token));
}

// Bytes that are no text give one U+FFFD each; all of them, with `marks_whole_runs`, when one does.
void flush_bytes(std::string& bytes, bool marks_whole_runs, std::vector<std::string>& out) {
    if (bytes.empty()) {
        return;
    }
    if (!marks_whole_runs || is_utf8(bytes)) {
        out.push_back(to_utf8(bytes));
    } else {
        out.insert(out.end(), bytes.size(), "\uFFFD");
    }
    bytes.clear();
}

std::size_t size_from(const Json& json, std::string_view name) {
    const std::int64_t value = json.int_or(name, 0);
    return value < 0 ? 0 : static_cast<std::size_t>(value);
}

}  // namespace

Result<TokenDecoder> TokenDecoder::read(const Json& json) {
    TokenDecoder decoder;
    if (auto added = decoder.add(json, 0); !added) {
        return with_context("decoder", added.error());
    }
    decoder.find_whether_by_token();
    return decoder;
}

TokenDecoder TokenDecoder::sentence_piece(std::size_t start_spaces_max) {
    TokenDecoder decoder;
    decoder.steps_ = {
        Replacement{.literal = "\u2581", .expression = nullptr, .content = " "},
        ByteFallback{.marks_whole_runs = false},
        Fuse{},
        Strip{.content = " ", .at_start = start_spaces_max, .at_end = 0}
    };
    decoder.find_whether_by_token();
    return decoder;
}

TokenDecoder TokenDecoder::byte_level() {
    TokenDecoder decoder;
    decoder.steps_ = {ByteLevel{}};
    decoder.find_whether_by_token();
    return decoder;
}

TokenDecoder TokenDecoder::word_piece() {
    TokenDecoder decoder;
    decoder.steps_ = {WordPiece{.prefix = "##", .cleans_up = true}};
    decoder.find_whether_by_token();
    return decoder;
}

// [ByteLevel]; or steps that look at each token on its own, perhaps ByteFallback, perhaps Fuse and a Strip of
// spaces at the start.
void TokenDecoder::find_whether_by_token() {
    const auto is = [this]<typename Kind>(std::size_t i, std::type_identity<Kind>) {
        return i < steps_.size() && std::holds_alternative<Kind>(steps_[i]);
    };
    if (is_only_byte_level() || steps_.empty()) {
        by_token_ = !steps_.empty();
        return;
    }
    std::size_t at = 0;
    if (const auto* metaspace = std::get_if<Metaspace>(&steps_[0])) {
        start_.all_of_first = metaspace->drops_first;
        at = 1;
    }
    while (is(at, std::type_identity<Replacement>()) || is(at, std::type_identity<Strip>())) {
        at += 1;
    }
    steps_by_token_ = at;
    at += is(at, std::type_identity<ByteFallback>()) ? 1U : 0U;
    if (is(at, std::type_identity<Fuse>())) {
        at += 1;
        const auto* strip = at < steps_.size() ? std::get_if<Strip>(&steps_[at]) : nullptr;
        if (strip != nullptr && strip->at_end == 0 && strip->content == " ") {
            start_.spaces = strip->at_start;
            at += 1;
        }
    }
    by_token_ = at == steps_.size();
}

Result<void> TokenDecoder::add(const Json& json, int depth) {
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
    const Json::Array* parts = json["decoders"].as_array();
    for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
        if (auto added = add((*parts)[i], depth + 1); !added) {
            return added;
        }
    }
    return {};
}

Result<void> TokenDecoder::add_step(const Json& json, std::string_view type) {
    if (type == "ByteLevel") {
        steps_.emplace_back(ByteLevel{});
    } else if (type == "ByteFallback") {
        steps_.emplace_back(ByteFallback{});
    } else if (type == "Fuse") {
        steps_.emplace_back(Fuse{});
    } else if (type == "Strip") {
        steps_.emplace_back(Strip{
            .content = json.string_or("content", " "),
            .at_start = size_from(json, "start"),
            .at_end = size_from(json, "stop")
        });
    } else if (type == "WordPiece") {
        steps_.emplace_back(
            WordPiece{.prefix = json.string_or("prefix", "##"), .cleans_up = json.bool_or("cleanup", true)}
        );
    } else if (type == "Metaspace") {
        const std::string scheme =
            json.string_or("prepend_scheme", json.bool_or("add_prefix_space", true) ? "always" : "never");
        steps_.emplace_back(Metaspace{
            .replacement = json.string_or("replacement", "\u2581"), .drops_first = scheme != "never"
        });
    } else if (type == "Replace") {
        auto replacement = Replacement::read(json);
        if (!replacement) {
            return replacement.error();
        }
        const auto replacements = std::ranges::count_if(steps_, [](const Step& step) {
            return std::holds_alternative<Replacement>(step);
        });
        if (replacements >= kReplacementsMax) {
            return Error{ErrorCode::kTooLarge, fmt::format("more than {} of Replace", kReplacementsMax)};
        }
        steps_.emplace_back(std::move(*replacement));
    } else {
        return Error{ErrorCode::kInvalid, fmt::format("type '{}' is not supported", type.substr(0, 80))};
    }
    return {};
}

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
    for (const Step& step : steps_) {
        tokens = std::visit([&](const auto& s) { return apply(s, std::move(tokens)); }, step);
    }
    return repair_utf8(join(tokens, steps_.empty() ? " " : ""));
}

std::string TokenDecoder::bytes_of(std::string_view token) const {
    if (is_only_byte_level()) {
        return byte_level_bytes(token);
    }
    Tokens tokens{std::string(token)};
    for (std::size_t i = 0; i < steps_by_token_; ++i) {
        if (const auto* metaspace = std::get_if<Metaspace>(&steps_[i])) {
            tokens = apply(Metaspace{.replacement = metaspace->replacement, .drops_first = false}, tokens);
        } else {
            tokens = std::visit([&](const auto& s) { return apply(s, std::move(tokens)); }, steps_[i]);
        }
    }
    const bool knows_bytes =
        steps_by_token_ < steps_.size() && std::holds_alternative<ByteFallback>(steps_[steps_by_token_]);
    const auto byte = knows_bytes ? byte_of(tokens.front()) : std::nullopt;
    return byte ? std::string(1, *byte) : tokens.front();
}

TokenDecoder::Tokens TokenDecoder::apply(ByteLevel, Tokens tokens) {
    std::string bytes;
    for (const std::string& token : tokens) {
        bytes += byte_level_bytes(token);
    }
    return {repair_utf8(bytes)};
}

TokenDecoder::Tokens TokenDecoder::apply(ByteFallback step, Tokens tokens) {
    Tokens out;
    std::string bytes;
    for (std::string& token : tokens) {
        if (const auto byte = byte_of(token)) {
            bytes += *byte;
            continue;
        }
        flush_bytes(bytes, step.marks_whole_runs, out);
        out.push_back(std::move(token));
    }
    flush_bytes(bytes, step.marks_whole_runs, out);
    return out;
}

TokenDecoder::Tokens TokenDecoder::apply(Fuse, Tokens tokens) {
    return {join(tokens, "")};
}

TokenDecoder::Tokens TokenDecoder::apply(const Strip& step, Tokens tokens) {
    for (std::string& token : tokens) {
        std::string_view kept = token;
        for (std::size_t i = 0; i < step.at_start && !step.content.empty() && kept.starts_with(step.content);
             ++i) {
            kept.remove_prefix(step.content.size());
        }
        for (std::size_t i = 0; i < step.at_end && !step.content.empty() && kept.ends_with(step.content);
             ++i) {
            kept.remove_suffix(step.content.size());
        }
        token = std::string(kept);
    }
    return tokens;
}

TokenDecoder::Tokens TokenDecoder::apply(const Metaspace& step, Tokens tokens) {
    const Replacement to_space{.literal = step.replacement, .expression = nullptr, .content = " "};
    tokens = apply(to_space, std::move(tokens));
    // Hugging Face drops every space of the first token, not only the one that it put there.
    if (step.drops_first && !tokens.empty()) {
        std::erase(tokens.front(), ' ');
    }
    return tokens;
}

// As Hugging Face cleans up English; each token on its own, after a space was put before it.
TokenDecoder::Tokens TokenDecoder::apply(const WordPiece& step, Tokens tokens) {
    constexpr auto kCleaner = std::to_array<std::pair<std::string_view, std::string_view>>(
        {{" .", "."},
         {" ?", "?"},
         {" !", "!"},
         {" ,", ","},
         {" ' ", "'"},
         {" n't", "n't"},
         {" 'm", "'m"},
         {" do not", " don't"},
         {" 's", "'s"},
         {" 've", "'ve"},
         {" 're", "'re"}}
    );
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        std::string& token = tokens[i];
        if (i > 0) {
            token = token.starts_with(step.prefix) ? token.substr(step.prefix.size()) : ' ' + token;
        }
        for (const auto& [untidy, tidy] : kCleaner) {
            if (step.cleans_up && token.contains(untidy)) {
                const Replacement clean{
                    .literal = std::string(untidy), .expression = nullptr, .content = std::string(tidy)
                };
                token = clean.apply(token, token.size());
            }
        }
    }
    return tokens;
}

TokenDecoder::Tokens TokenDecoder::apply(const Replacement& step, Tokens tokens) {
    std::size_t bytes = 0;
    for (const std::string& token : tokens) {
        bytes += token.size();
    }
    std::size_t bytes_left = replaced_bytes_max(bytes);
    for (std::string& token : tokens) {
        token = step.apply(token, bytes_left);
        bytes_left -= std::min(bytes_left, token.size());
    }
    return tokens;
}

}  // namespace capstan::text
