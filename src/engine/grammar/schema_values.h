#pragma once

// Strings and numbers of a JSON schema that has no alternatives left, as grammars.

#include "base/json.h"
#include "base/result.h"
#include "engine/grammar/json_pieces.h"

namespace capstan::engine {

// With "minLength" and "maxLength", "pattern", or "format".
Result<ExpressionId> string_of_schema(const Json& schema, JsonPieces& pieces);

enum class NumberKind { kInteger, kAny };

// With "minimum", "maximum", their exclusive forms and "multipleOf".
Result<ExpressionId> number_of_schema(const Json& schema, NumberKind kind, JsonPieces& pieces);

struct CountRange {
    std::int32_t min = 0;
    std::int32_t max = -1;  // No limit.

    bool is_empty() const { return max >= 0 && max < min; }
};

// Two keywords such as "minItems" and "maxItems", where they stand.
Result<CountRange> counts_of_schema(const Json& schema, std::string_view min_name, std::string_view max_name);

}  // namespace capstan::engine
