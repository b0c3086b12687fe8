#pragma once

// Cutting a template into text and the tokens within its tags, with Jinja's control of white space.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::text::jinja {

enum class TokenKind {
    kText,       // Outside tags.
    kOutput,     // {{
    kOutputEnd,  // }}
    kBlock,      // {%
    kBlockEnd,   // %}
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,  // Also brackets and punctuation.
    kEnd,
};

struct Token {
    TokenKind kind = TokenKind::kEnd;
    int line = 1;
    std::string text;  // Of a string its value, of a number its digits.
};

// All tokens, with kEnd last. Comments are gone and white space is as trim_blocks and lstrip_blocks leave it.
// kInvalid with the line for what is not closed or no token.
Result<std::vector<Token>> tokenize(std::string_view source);

// "line 3: message"
Error error_at(int line, std::string_view message);

}  // namespace capstan::text::jinja
