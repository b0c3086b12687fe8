#pragma once

// From tokens to a program: one object for expressions, and one for statements on top of it.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"
#include "text/jinja_token_reader.h"

namespace capstan::text::jinja {

class ExpressionParser {
public:
    explicit ExpressionParser(TokenReader& reader) : reader_(reader) {}

    using Parsed = Result<ExpressionPointer>;

    // With "a if b else c".
    Parsed parse();
    // Without it, for the conditions and sources of blocks.
    Parsed parse_without_conditional();
    // "a, b" without parentheses is a tuple.
    Parsed parse_tuple(bool with_conditional);
    // "a", "a, b" or "(a, b)".
    Result<std::vector<std::string>> parse_names();
    // The filters from "| name(…)" on; the first needs no "|" when `bare`.
    Result<std::vector<FilterUse>> parse_filters(bool bare);

private:
    Parsed parse_binary(int level);
    Parsed parse_not();
    Parsed parse_comparison();
    Parsed parse_unary(bool with_filters);
    Parsed parse_primary();
    Parsed parse_name(Token token);
    Parsed parse_number(const Token& token);
    Parsed parse_list();
    Parsed parse_dict();
    Parsed parse_parentheses();
    Parsed parse_postfix(ExpressionPointer object);
    Parsed parse_filters_and_tests(ExpressionPointer input);
    Parsed parse_subscript(ExpressionPointer object);
    Parsed parse_test(ExpressionPointer input);
    Result<FilterUse> parse_filter();
    Result<Arguments> parse_arguments();
    bool starts_test_argument() const;
    // The value again, or kTooLarge when its tree has become too deep to walk.
    static Parsed bounded(Parsed value);

    TokenReader& reader_;
    int depth_ = 0;
};

// kTooLarge when nested deeper than expressions and blocks may be.
Result<Program> parse_program(std::vector<Token> tokens);

inline constexpr int kNestingMax = 100;
inline constexpr int kTreeDepthMax = 250;

}  // namespace capstan::text::jinja
