#pragma once

// What a JSON schema says, before it becomes a grammar: its keywords, references, and several schemas as one.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::engine {

// Types of JSON values, as bits.
enum SchemaType : std::uint8_t {
    kSchemaNull = 1,
    kSchemaBoolean = 2,
    kSchemaInteger = 4,
    kSchemaNumber = 8,  // Integers, too.
    kSchemaString = 16,
    kSchemaArray = 32,
    kSchemaObject = 64,
    kSchemaAny = 127,
};

// What "type", "nullable", "const" and "enum" leave; where none says anything, the types that the other
// keywords are about, and without those any. kInvalid for an unknown name.
Result<std::uint8_t> types_of(const Json& schema);
std::uint8_t type_of(const Json& value);

// kInvalid, naming it, for a keyword that cannot be enforced or is not known. Annotations and "x-…" are fine.
Result<void> check_keywords(const Json& schema);

// Whether a keyword says nothing about values: "title", "$defs" and the like.
bool is_annotation(std::string_view keyword);

// The schema at a reference within `root` ("#", "#/$defs/name"). kInvalid for any other.
Result<const Json*> resolve_reference(const Json& root, const std::string& reference);

// One schema that allows what both do; neither has a reference, "allOf", "anyOf" or "oneOf". kInvalid, naming
// the keyword, where there is no such schema that we know.
Result<Json> merge_schemas(const Json& a, const Json& b);

// Whether no value can fit both: by their types, their constants, or a member that both need. False when it
// is not plain to see.
bool are_disjoint(const Json& root, const Json& a, const Json& b, int depth = 0);

}  // namespace capstan::engine
