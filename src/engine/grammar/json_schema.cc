#include "engine/grammar/json_schema.h"

#include <fmt/format.h>

#include "engine/grammar/schema_compiler.h"

namespace capstan::engine {

Result<ExpressionId> add_json_schema(const Json& root, JsonPieces& pieces) {
    return SchemaCompiler(root, pieces).compile();
}

Result<Grammar> parse_json_schema(std::string_view text) {
    if (text.size() > kSchemaBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("the JSON schema has {} bytes; at most {}", text.size(), kSchemaBytesMax)
        };
    }
    const auto schema = parse_json(text);
    if (!schema) {
        return with_context("JSON schema", schema.error());
    }
    GrammarBuilder builder;
    JsonPieces pieces(builder);
    const RuleId root = builder.declare("#");
    const auto body = add_json_schema(*schema, pieces);
    if (!body) {
        return body.error();
    }
    builder.define(root, *body);
    return builder.finish(root);
}

}  // namespace capstan::engine
