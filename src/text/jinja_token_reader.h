#pragma once

// Going through the tokens of a template.

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_lexer.h"

namespace capstan::text::jinja {

// Goes through tokens that end in kEnd.
class TokenReader {
public:
    explicit TokenReader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

    const Token& current() const { return tokens_[at_]; }

    const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }

    int line() const { return current().line; }

    Token take();

    bool is(TokenKind kind) const { return current().kind == kind; }

    bool is_operator(std::string_view text) const;
    bool is_name(std::string_view text) const;
    bool is_any_name(std::initializer_list<std::string_view> names) const;
    bool skip_operator(std::string_view text);  // Whether it was there.
    bool skip_name(std::string_view text);
    Result<void> expect_operator(std::string_view text);
    Result<std::string> expect_name();
    Error unexpected(std::string_view wanted) const;

private:
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
};

}  // namespace capstan::text::jinja
