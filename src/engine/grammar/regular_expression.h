#pragma once

// Regular expressions as grammars: the regular part of ECMA-262's, over Unicode characters.
//
// Has: alternation, groups (named and not), * + ? {m} {m,} {m,n} and their lazy forms (which match the same),
// classes, "." (all but line ends), \d \w \s and their opposites (of ASCII, ASCII and Unicode, as in
// ECMA-262),
// \p{L} \p{N} \p{Nd} \p{M} and \P, \t \n \r \f \v \0 \xHH \uHHHH \u{…}; ^ at the start and $ at the end of a
// whole alternative. Everything else (look-around, back references, \b, flags) is refused by name.

#include <string_view>

#include "base/result.h"
#include "engine/grammar/grammar.h"

namespace capstan::engine {

enum class RegexUse {
    kWholeText,   // All of the text matches.
    kJsonString,  // A part of a JSON string's text matches, as "pattern" has it; the grammar is of the string
                  // as it is written, without its quotes. Written with escapes only where JSON needs them.
};

inline constexpr std::size_t kRegexBytesMax = 64 << 10;

// kInvalid, naming the place and the construct; kTooLarge over kRegexBytesMax.
Result<ExpressionId> parse_regex(std::string_view pattern, RegexUse use, GrammarBuilder& builder);

// One character of `set` as it stands in a JSON string.
ExpressionId json_characters(const CharacterSet& set, GrammarBuilder& builder);

}  // namespace capstan::engine
