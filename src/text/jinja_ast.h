#pragma once

// A parsed template.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_value.h"

namespace capstan::text::jinja {

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

struct Arguments {
    std::vector<ExpressionPointer> positional;
    std::vector<std::pair<std::string, ExpressionPointer>> named;
};

struct Literal {
    Value value;
};

struct NameUse {
    std::string name;
};

struct ListLiteral {
    std::vector<ExpressionPointer> items;
    bool is_tuple = false;
};

struct DictLiteral {
    std::vector<std::pair<ExpressionPointer, ExpressionPointer>> members;
};

struct AttributeUse {
    ExpressionPointer object;
    std::string name;
};

struct IndexUse {
    ExpressionPointer object;
    ExpressionPointer index;
};

struct SliceUse {
    ExpressionPointer object;
    ExpressionPointer start;  // Null: from the beginning,
    ExpressionPointer stop;   // to the end,
    ExpressionPointer step;   // one by one.
};

struct CallUse {
    ExpressionPointer callee;
    Arguments arguments;
};

struct FilterUse {
    ExpressionPointer input;  // Null where a block's text is the input.
    std::string name;
    Arguments arguments;
};

struct TestUse {
    ExpressionPointer input;
    std::string name;
    Arguments arguments;
};

enum class UnaryOperator { kNot, kMinus, kPlus };

struct Unary {
    UnaryOperator operation;
    ExpressionPointer operand;
};

enum class BinaryOperator {
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kFloorDivide,
    kModulo,
    kPower,
    kConcatenate,
    kAnd,
    kOr
};

struct Binary {
    BinaryOperator operation;
    ExpressionPointer left;
    ExpressionPointer right;
};

enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn, kNotIn };

struct ComparisonChain {  // a < b <= c
    ExpressionPointer first;
    std::vector<std::pair<Comparison, ExpressionPointer>> rest;
};

struct Conditional {
    ExpressionPointer then;
    ExpressionPointer condition;
    ExpressionPointer otherwise;  // May be null.
};

using ExpressionNode = std::variant<
    Literal,
    NameUse,
    ListLiteral,
    DictLiteral,
    AttributeUse,
    IndexUse,
    SliceUse,
    CallUse,
    FilterUse,
    TestUse,
    Unary,
    Binary,
    ComparisonChain,
    Conditional>;

struct Expression {
    int line = 1;
    int depth = 1;  // Of the tree below, with this.
    ExpressionNode node;
};

// With its depth.
ExpressionPointer make_expression(int line, ExpressionNode node);

struct Statement;
using Body = std::vector<Statement>;

struct TextStatement {
    std::string text;
};

struct OutputStatement {
    ExpressionPointer value;
};

struct IfStatement {
    std::vector<std::pair<ExpressionPointer, Body>> branches;
    Body otherwise;
};

struct ForStatement {
    std::vector<std::string> names;  // More than one unpacks each item.
    ExpressionPointer items;
    ExpressionPointer condition;  // May be null.
    Body body;
    Body otherwise;
};

struct SetStatement {
    std::vector<std::string> names;
    std::string attribute;  // Of the one name, a namespace; else empty.
    ExpressionPointer value;
};

struct SetBlockStatement {
    std::string name;
    std::string attribute;
    std::vector<FilterUse> filters;
    Body body;
};

struct MacroStatement {
    std::string name;
    std::vector<std::pair<std::string, ExpressionPointer>> parameters;  // With their defaults, or null.
    Body body;
};

struct CallStatement {  // {% call name(…) %}: the body is what caller() gives in it.
    ExpressionPointer call;
    std::unique_ptr<MacroStatement> caller;
};

struct FilterStatement {
    std::vector<FilterUse> filters;
    Body body;
};

struct BodyStatement {  // generation: it marks, and prints its body.
    Body body;
};

struct DoStatement {
    ExpressionPointer value;
};

struct BreakStatement {};

struct ContinueStatement {};

struct Statement {
    int line = 1;
    std::variant<
        TextStatement,
        OutputStatement,
        IfStatement,
        ForStatement,
        SetStatement,
        SetBlockStatement,
        MacroStatement,
        CallStatement,
        FilterStatement,
        BodyStatement,
        DoStatement,
        BreakStatement,
        ContinueStatement>
        node;
};

struct Program {
    Body body;
};

}  // namespace capstan::text::jinja
