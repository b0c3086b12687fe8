#pragma once

// JSON schemas (draft 2020-12, and OpenAI's strict subset of it) as grammars of the JSON that fits them.
//
// What the grammar allows always fits the schema; it allows a little less than all that does:
//   - members come in the order of "properties", then others if "additionalProperties" is given and not false
//     (where it is absent, an object with "properties" has only those); names of others are without escapes
//   - where no "type" says otherwise, keywords about one type of value mean that type
//   - numbers, strings and white space are those of json_pieces.h; "format" those of string_formats.h
// "oneOf" needs alternatives that plainly exclude each other (by type, constant, or a constant member that
// all require). Not enforceable here, and so refused by name: "not", "if", "patternProperties", "dependent…",
// "unevaluated…", "contains", "uniqueItems", "multipleOf" but for 1, 0.1, 0.01 and so on, a "pattern"
// together with a length, two patterns at once, unknown formats and unknown keywords. A repeated name among
// other members cannot be kept out.

#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/json_pieces.h"

namespace capstan::engine {

inline constexpr std::size_t kSchemaBytesMax = 1 << 20;

// A grammar of one JSON value, with nothing around it. kInvalid, naming place and keyword; kTooLarge over the
// limits.
Result<Grammar> parse_json_schema(std::string_view text);

// The same as a part of another grammar. Places are named from `root`, where references are looked up, too.
Result<ExpressionId> add_json_schema(const Json& root, JsonPieces& pieces);

}  // namespace capstan::engine
