#include "text/jinja_token_reader.h"

#include <fmt/format.h>

namespace capstan::text::jinja {

Token TokenReader::take() {
    Token token = tokens_[at_];
    at_ = std::min(at_ + 1, tokens_.size() - 1);
    return token;
}

bool TokenReader::is_operator(std::string_view text) const {
    return is(TokenKind::kOperator) && current().text == text;
}

bool TokenReader::is_name(std::string_view text) const {
    return is(TokenKind::kName) && current().text == text;
}

bool TokenReader::is_any_name(std::initializer_list<std::string_view> names) const {
    return std::ranges::any_of(names, [this](std::string_view name) { return is_name(name); });
}

bool TokenReader::skip_operator(std::string_view text) {
    const bool found = is_operator(text);
    if (found) {
        take();
    }
    return found;
}

bool TokenReader::skip_name(std::string_view text) {
    const bool found = is_name(text);
    if (found) {
        take();
    }
    return found;
}

Result<void> TokenReader::expect_operator(std::string_view text) {
    if (!skip_operator(text)) {
        return unexpected(fmt::format("'{}'", text));
    }
    return {};
}

Result<std::string> TokenReader::expect_name() {
    if (!is(TokenKind::kName)) {
        return unexpected("a name");
    }
    return take().text;
}

Error TokenReader::unexpected(std::string_view wanted) const {
    const Token& token = current();
    const bool is_end = token.kind == TokenKind::kEnd || token.kind == TokenKind::kBlockEnd ||
                        token.kind == TokenKind::kOutputEnd || token.kind == TokenKind::kText;
    return error_at(
        token.line,
        fmt::format(
            "expected {} but found {}",
            wanted,
            is_end ? "the end" : fmt::format("'{}'", token.text.substr(0, 80))
        )
    );
}

}  // namespace capstan::text::jinja
