#pragma once

// The grammar of JSON (RFC 8259), piece by piece.
//
// White space is where JSON allows it, but never so much that a model can go on with nothing else: after "{",
// "[", ":" and ",", and before "}" and "]", a space or a line's end with up to 20 spaces and tabs. Strings
// have no halves of surrogate pairs. Numbers have up to 18 digits before and 16 behind the point, exponents
// up to 2.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "engine/grammar/grammar.h"

namespace capstan::engine {

// Adds each piece to a grammar when it is first asked for; `builder` outlives it.
class JsonPieces {
public:
    explicit JsonPieces(GrammarBuilder& builder) : builder_(builder) {}

    GrammarBuilder& builder() { return builder_; }

    ExpressionId space();
    ExpressionId comma();      // With the space behind it.
    ExpressionId colon();      // Too.
    ExpressionId character();  // Of a string, as it is written.
    ExpressionId string();
    ExpressionId integer();
    ExpressionId number();
    ExpressionId boolean();
    ExpressionId null();
    ExpressionId value();
    ExpressionId object();
    ExpressionId array();

    ExpressionId literal(const Json& value);  // As Json::dump writes it.

    // open, space, inner, space, close; `inner` may be empty.
    ExpressionId bracketed(std::string_view open, ExpressionId inner, std::string_view close);

private:
    using Rule = std::optional<RuleId>;

    template <typename Body>
    ExpressionId once(Rule& rule, std::string_view name, const Body& body);

    GrammarBuilder& builder_;
    Rule space_;
    Rule string_;
    Rule number_;
    Rule integer_;
    Rule value_;
    Rule object_;
    Rule array_;
};

}  // namespace capstan::engine
