#pragma once

// Grammars written down, in the dialect of llama.cpp's GBNF and the simple part of Lark's:
//
//     # A comment; so is // to the line's end.
//     root   ::= "[" (number ("," number)*)? "]"
//     number ::= "-"? [1-9] [0-9]{0,5} | "0"
//     text   : /[a-z]+/ | 'single quotes, too'
//
// A rule is a name (letters, digits, "_" and "-"), "::=", ":=", ":" or "=", and its alternatives; it ends
// where the next one begins, or at ";". Alternatives are sequences of literals with escapes, classes, "."
// (any character), names, groups and /regular expressions/ (regular_expression.h), each with *, +, ?, {m},
// {m,} or {m,n}. The answer is `root` or, without one, `start`. Rules may be recursive, but not begin with
// themselves.

#include <string_view>

#include "base/result.h"
#include "engine/grammar/grammar.h"

namespace capstan::engine {

inline constexpr std::size_t kEbnfBytesMax = 1 << 20;

// kInvalid, naming the place or the rule; kTooLarge over the limits.
Result<Grammar> parse_ebnf(std::string_view text);

}  // namespace capstan::engine
