#include "text/jinja_lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/utf8.h"
#include "text/unicode.h"

namespace capstan::text::jinja {
namespace {

bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// Line ends become "\n" and the last one goes, as in Jinja.
std::string with_unix_lines(std::string_view source) {
    std::string out;
    out.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] == '\r') {
            out += '\n';
            i += source.substr(i + 1).starts_with('\n') ? 1 : 0;
        } else {
            out += source[i];
        }
    }
    if (out.ends_with('\n')) {
        out.pop_back();
    }
    return out;
}

// Without the white space at its end, by characters.
std::string_view strip_end(std::string_view text) {
    std::size_t end = 0;
    for (std::size_t at = 0; at < text.size();) {
        const Character c = front_character(text.substr(at));
        at += c.length;
        end = kind_of(c.code_point) == CharacterKind::kSpace ? end : at;
    }
    return text.substr(0, end);
}

std::optional<std::uint32_t> hex_value(std::string_view digits) {
    std::uint32_t value = 0;
    for (const char c : digits) {
        const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!letter && !is_digit(c)) {
            return std::nullopt;
        }
        value = value * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

// Python's escapes; an unknown one stays as it is.
std::string unescape(std::string_view text) {
    constexpr std::string_view kLetters = "\\'\"abfnrtv\n";
    constexpr std::array<std::string_view, 11> kMeanings = {
        "\\", "'", "\"", "\a", "\b", "\f", "\n", "\r", "\t", "\v", ""
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        const char escaped = text[++i];
        const std::size_t digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
        const auto code =
            digits > 0 && i + digits < text.size() ? hex_value(text.substr(i + 1, digits)) : std::nullopt;
        if (const std::size_t at = kLetters.find(escaped); at != std::string_view::npos) {
            out += kMeanings[at];
        } else if (code) {
            append_utf8(out, *code);
            i += digits;
        } else {
            out += '\\';
            out += escaped;
        }
    }
    return out;
}

class Lexer {
public:
    explicit Lexer(std::string_view source) : source_(with_unix_lines(source)), rest_(source_) {}

    Result<std::vector<Token>> run() {
        while (!rest_.empty()) {
            if (auto taken = take_text_and_tag(); !taken) {
                return taken.error();
            }
        }
        add(TokenKind::kEnd, "");
        return std::move(tokens_);
    }

private:
    void add(TokenKind kind, std::string text) {
        tokens_.push_back({.kind = kind, .line = line_, .text = std::move(text)});
    }

    void advance(std::size_t bytes) {
        line_ += static_cast<int>(std::ranges::count(rest_.substr(0, bytes), '\n'));
        rest_.remove_prefix(bytes);
    }

    void skip_space() {
        std::size_t bytes = 0;
        while (bytes < rest_.size()) {
            const Character c = front_character(rest_.substr(bytes));
            if (kind_of(c.code_point) != CharacterKind::kSpace) {
                break;
            }
            bytes += c.length;
        }
        advance(bytes);
    }

    // Offset of the next "{{", "{%" or "{#".
    std::size_t find_tag() const {
        for (std::size_t at = rest_.find('{'); at != std::string_view::npos; at = rest_.find('{', at + 1)) {
            if (at + 1 < rest_.size() &&
                std::string_view("{%#").find(rest_[at + 1]) != std::string_view::npos) {
                return at;
            }
        }
        return std::string_view::npos;
    }

    Result<void> take_text_and_tag() {
        const std::size_t tag = find_tag();
        if (tag == std::string_view::npos) {
            add(TokenKind::kText, std::string(rest_));
            rest_ = {};
            return {};
        }
        const char sigil = rest_[tag + 1];
        const char sign = tag + 2 < rest_.size() ? rest_[tag + 2] : ' ';
        std::string_view text = rest_.substr(0, tag);
        if (sign == '-') {
            text = strip_end(text);
        } else if (sign != '+' && sigil != '{') {
            text = without_indentation(text);
        }
        if (!text.empty()) {
            add(TokenKind::kText, std::string(text));
        }
        advance(tag + 2 + (sign == '-' || sign == '+' ? 1 : 0));
        if (sigil == '#') {
            return take_comment();
        }
        add(sigil == '{' ? TokenKind::kOutput : TokenKind::kBlock, "");
        return sigil == '%' && starts_raw() ? take_raw() : take_tag(sigil == '{' ? '}' : '%');
    }

    // lstrip_blocks: blanks between the start of a line and a block.
    std::string_view without_indentation(std::string_view text) const {
        const std::size_t line_start = text.rfind('\n') + 1;  // npos + 1 is 0.
        const bool starts_line = line_start > 0 || at_line_start_;
        const std::string_view indentation = text.substr(line_start);
        return starts_line && std::ranges::all_of(indentation, is_space) ? text.substr(0, line_start) : text;
    }

    // Behind the "-", "+" or nothing before an end of tag: what it does to the text that follows.
    void end_tag(char sign, bool trims_line) {
        at_line_start_ = false;
        if (sign == '-') {
            const std::string_view before = rest_;
            skip_space();
            const std::size_t skipped = before.size() - rest_.size();
            at_line_start_ = skipped > 0 && before[skipped - 1] == '\n';
        } else if (sign != '+' && trims_line && rest_.starts_with('\n')) {
            advance(1);
            at_line_start_ = true;
        }
    }

    Result<void> take_comment() {
        const std::size_t end = rest_.find("#}");
        if (end == std::string_view::npos) {
            return error_at(line_, "a comment is not closed by '#}'");
        }
        const char sign = end > 0 ? rest_[end - 1] : ' ';
        advance(end + 2);
        end_tag(sign, true);
        return {};
    }

    bool starts_raw() const {
        const std::size_t at = rest_.find_first_not_of(" \t\n");
        if (at == std::string_view::npos || !rest_.substr(at).starts_with("raw")) {
            return false;
        }
        const std::size_t end = rest_.find("%}", at + 3);
        return end != std::string_view::npos && rest_.find_first_not_of(" \t\n-", at + 3) == end;
    }

    // {% raw %} … {% endraw %}: the opening "{%" is behind us, and its token is taken back.
    Result<void> take_raw() {
        tokens_.pop_back();
        const std::size_t open_end = rest_.find("%}");
        const char open_sign = rest_[open_end - 1];
        advance(open_end + 2);
        end_tag(open_sign, true);
        for (std::size_t at = rest_.find("{%"); at != std::string_view::npos; at = rest_.find("{%", at + 2)) {
            const std::size_t name = rest_.find_first_not_of(" \t\n-+", at + 2);
            if (name == std::string_view::npos || !rest_.substr(name).starts_with("endraw")) {
                continue;
            }
            const std::size_t close = rest_.find("%}", name);
            if (close == std::string_view::npos) {
                break;
            }
            const std::string_view text = rest_.substr(0, at);
            add(TokenKind::kText,
                std::string(rest_[at + 2] == '-' ? strip_end(text) : without_indentation(text)));
            const char close_sign = rest_[close - 1];
            advance(close + 2);
            end_tag(close_sign, true);
            return {};
        }
        return error_at(line_, "'raw' is not closed by 'endraw'");
    }

    // The tokens up to "%}" or "}}".
    Result<void> take_tag(char end_sigil) {
        const int opened = line_;
        int brackets = 0;
        while (true) {
            skip_space();
            if (rest_.empty()) {
                return error_at(opened, fmt::format("a tag is not closed by '{}}}'", end_sigil));
            }
            const char sign = rest_[0] == '-' || rest_[0] == '+' ? rest_[0] : ' ';
            const std::string_view end = rest_.substr(sign == ' ' ? 0 : 1);
            if (brackets == 0 && end.size() >= 2 && end[0] == end_sigil && end[1] == '}') {
                advance(sign == ' ' ? 2 : 3);
                add(end_sigil == '}' ? TokenKind::kOutputEnd : TokenKind::kBlockEnd, "");
                end_tag(sign, end_sigil == '%');
                return {};
            }
            const char c = rest_[0];
            brackets += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
            if (auto taken = take_token(); !taken) {
                return taken;
            }
        }
    }

    Result<void> take_token() {
        const char c = rest_[0];
        if (is_name_start(c)) {
            const auto end =
                std::ranges::find_if_not(rest_, [](char x) { return is_name_start(x) || is_digit(x); });
            return take(TokenKind::kName, static_cast<std::size_t>(end - rest_.begin()));
        }
        if (is_digit(c)) {
            return take_number();
        }
        if (c == '"' || c == '\'') {
            return take_string(c);
        }
        for (const std::string_view two : {"//", "**", "==", "!=", ">=", "<="}) {
            if (rest_.starts_with(two)) {
                return take(TokenKind::kOperator, 2);
            }
        }
        if (std::string_view("+-/*%~[](){}<>=.:|,").find(c) == std::string_view::npos) {
            return error_at(
                line_,
                fmt::format(
                    "unexpected character '{}'", rest_.substr(0, std::max<std::size_t>(1, utf8_length(rest_)))
                )
            );
        }
        return take(TokenKind::kOperator, 1);
    }

    Result<void> take(TokenKind kind, std::size_t bytes) {
        add(kind, std::string(rest_.substr(0, bytes)));
        advance(bytes);
        return {};
    }

    std::size_t digits_from(std::size_t at) const {
        while (at < rest_.size() &&
               (is_digit(rest_[at]) || (rest_[at] == '_' && at > 0 && is_digit(rest_[at - 1])))) {
            at += 1;
        }
        return at;
    }

    Result<void> take_number() {
        std::size_t end = digits_from(0);
        TokenKind kind = TokenKind::kInteger;
        if (end + 1 < rest_.size() && rest_[end] == '.' && is_digit(rest_[end + 1])) {
            kind = TokenKind::kFloat;
            end = digits_from(end + 1);
        }
        if (end < rest_.size() && (rest_[end] == 'e' || rest_[end] == 'E')) {
            const std::size_t sign =
                end + 1 < rest_.size() && (rest_[end + 1] == '+' || rest_[end + 1] == '-') ? 1 : 0;
            const std::size_t exponent = end + 1 + sign;
            if (exponent < rest_.size() && is_digit(rest_[exponent])) {
                kind = TokenKind::kFloat;
                end = digits_from(exponent);
            }
        }
        std::string digits(rest_.substr(0, end));
        std::erase(digits, '_');
        add(kind, std::move(digits));
        advance(end);
        return {};
    }

    Result<void> take_string(char quote) {
        std::size_t end = 1;
        while (end < rest_.size() && rest_[end] != quote) {
            end += rest_[end] == '\\' ? 2 : 1;
        }
        if (end >= rest_.size()) {
            return error_at(line_, "a string is not closed");
        }
        add(TokenKind::kString, unescape(rest_.substr(1, end - 1)));
        advance(end + 1);
        return {};
    }

    std::string source_;
    std::string_view rest_;
    int line_ = 1;
    bool at_line_start_ = true;
    std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
    return Lexer(source).run();
}

Error error_at(int line, std::string_view message) {
    return {ErrorCode::kInvalid, fmt::format("line {}: {}", line, message)};
}

}  // namespace capstan::text::jinja
