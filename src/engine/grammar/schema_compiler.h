#pragma once

// How a JSON schema becomes rules of a grammar. json_schema.h says what comes out.

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/grammar/json_pieces.h"
#include "engine/grammar/schema_values.h"

namespace capstan::engine {

class SchemaCompiler {
public:
    // Both outlive it.
    SchemaCompiler(const Json& root, JsonPieces& pieces)
        : root_(root), pieces_(pieces), builder_(pieces.builder()) {}

    Result<ExpressionId> compile();

private:
    // Schemas that must all hold, and where they stand, for messages.
    struct Schemas {
        std::vector<Json> all;
        std::string place;
        int depth = 0;

        Schemas below(std::string_view name, std::vector<Json> schemas) const;
    };

    struct Member {
        std::string name;
        ExpressionId text = 0;  // Name, colon and value.
        bool is_required = false;
    };

    Result<ExpressionId> value(Schemas schemas);
    Result<ExpressionId> reference(const std::string& to);
    Result<bool> open_one(Schemas& schemas);
    Result<ExpressionId> alternatives(Schemas schemas, std::size_t which, std::string_view keyword);
    Result<ExpressionId> plain(const Json& schema, const Schemas& at);
    Result<ExpressionId> constants(const Json::Array& values, const Json& schema);
    Result<ExpressionId> of_type(const Json& schema, std::uint8_t type, const Schemas& at);

    Result<ExpressionId> array(const Json& schema, const Schemas& at);
    ExpressionId items(const std::vector<ExpressionId>& prefix, ExpressionId item, CountRange counts);

    Result<ExpressionId> object(const Json& schema, const Schemas& at);
    Result<ExpressionId> free_object(const Json& schema, const Schemas& at, CountRange counts);
    Result<std::vector<Member>> members(const Json& schema, const Schemas& at);
    ExpressionId members_in_order(const std::vector<Member>& members, ExpressionId others);
    Result<ExpressionId> name_other_than(const std::vector<std::string>& names);

    Error error(const Schemas& at, std::string_view what) const;

    const Json& root_;
    JsonPieces& pieces_;
    GrammarBuilder& builder_;
    std::map<std::string, RuleId> rule_of_;  // By reference.
    std::deque<std::string> references_;     // Declared, and to be compiled.
    int compiled_ = 0;
};

}  // namespace capstan::engine
