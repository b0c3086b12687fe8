#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "text/jinja_parser.h"

namespace capstan::text::jinja {

using Parsed = ExpressionParser::Parsed;

Parsed ExpressionParser::parse() {
    if (depth_ >= kNestingMax) {
        return Error{
            ErrorCode::kTooLarge, error_at(reader_.line(), "expressions are nested too deeply").message
        };
    }
    depth_ += 1;
    const int line = reader_.line();
    Parsed value = parse_without_conditional();
    while (value && reader_.skip_name("if")) {
        Parsed condition = parse_without_conditional();
        if (!condition) {
            return condition;
        }
        ExpressionPointer otherwise;
        if (reader_.skip_name("else")) {
            Parsed parsed = parse();
            if (!parsed) {
                return parsed;
            }
            otherwise = std::move(*parsed);
        }
        value = bounded(make_expression(
            line,
            Conditional{
                .then = std::move(*value),
                .condition = std::move(*condition),
                .otherwise = std::move(otherwise)
            }
        ));
    }
    depth_ -= 1;
    return bounded(std::move(value));
}

Parsed ExpressionParser::bounded(Parsed value) {
    if (value && (*value)->depth > kTreeDepthMax) {
        return Error{
            ErrorCode::kTooLarge, error_at((*value)->line, "an expression has too many parts").message
        };
    }
    return value;
}

namespace {

struct BinaryRule {
    std::string_view token;
    BinaryOperator operation;
};

// From the weakest on. "not" and comparisons stand between the second and the third.
const std::vector<std::vector<BinaryRule>> kLevels = {
    {{"or", BinaryOperator::kOr}},
    {{"and", BinaryOperator::kAnd}},
    {{"+", BinaryOperator::kAdd}, {"-", BinaryOperator::kSubtract}},
    {{"~", BinaryOperator::kConcatenate}},
    {{"*", BinaryOperator::kMultiply},
     {"/", BinaryOperator::kDivide},
     {"//", BinaryOperator::kFloorDivide},
     {"%", BinaryOperator::kModulo}},
    {{"**", BinaryOperator::kPower}},
};

constexpr int kAndLevel = 1;
constexpr int kFirstMathLevel = 2;

std::optional<BinaryOperator> take_binary(TokenReader& reader, int level) {
    for (const auto& [token, operation] : kLevels[static_cast<std::size_t>(level)]) {
        if (level <= kAndLevel ? reader.skip_name(token) : reader.skip_operator(token)) {
            return operation;
        }
    }
    return std::nullopt;
}

std::optional<Comparison> take_comparison(TokenReader& reader) {
    constexpr std::pair<std::string_view, Comparison> kOperators[] = {
        {"==", Comparison::kEqual},
        {"!=", Comparison::kNotEqual},
        {"<=", Comparison::kLessOrEqual},
        {">=", Comparison::kGreaterOrEqual},
        {"<", Comparison::kLess},
        {">", Comparison::kGreater},
    };
    for (const auto& [token, comparison] : kOperators) {
        if (reader.skip_operator(token)) {
            return comparison;
        }
    }
    if (reader.skip_name("in")) {
        return Comparison::kIn;
    }
    if (reader.is_name("not") && reader.next().kind == TokenKind::kName && reader.next().text == "in") {
        reader.take();
        reader.take();
        return Comparison::kNotIn;
    }
    return std::nullopt;
}

}  // namespace

Parsed ExpressionParser::parse_without_conditional() {
    return parse_binary(0);
}

Parsed ExpressionParser::parse_binary(int level) {
    const auto parse_operand = [&]() -> Parsed {
        if (level == kAndLevel) {
            return parse_not();
        }
        return level + 1 == static_cast<int>(kLevels.size()) ? parse_unary(true) : parse_binary(level + 1);
    };
    const int line = reader_.line();
    Parsed left = parse_operand();
    while (left) {
        const auto operation = take_binary(reader_, level);
        if (!operation) {
            break;
        }
        Parsed right = parse_operand();
        if (!right) {
            return right;
        }
        left = bounded(make_expression(
            line, Binary{.operation = *operation, .left = std::move(*left), .right = std::move(*right)}
        ));
    }
    return left;
}

Parsed ExpressionParser::parse_not() {
    const int line = reader_.line();
    bool negated = false;
    bool any = false;
    while (reader_.is_name("not")) {
        reader_.take();
        negated = !negated;
        any = true;
    }
    Parsed value = parse_comparison();
    for (int i = 0; any && value && i < (negated ? 1 : 2); ++i) {
        value = make_expression(line, Unary{.operation = UnaryOperator::kNot, .operand = std::move(*value)});
    }
    return value;
}

Parsed ExpressionParser::parse_comparison() {
    const int line = reader_.line();
    Parsed first = parse_binary(kFirstMathLevel);
    if (!first) {
        return first;
    }
    ComparisonChain chain{.first = std::move(*first), .rest = {}};
    while (const auto comparison = take_comparison(reader_)) {
        Parsed right = parse_binary(kFirstMathLevel);
        if (!right) {
            return right;
        }
        chain.rest.emplace_back(*comparison, std::move(*right));
    }
    return chain.rest.empty() ? std::move(chain.first) : make_expression(line, std::move(chain));
}

Parsed ExpressionParser::parse_unary(bool with_filters) {
    if (depth_ >= kNestingMax) {
        return Error{
            ErrorCode::kTooLarge, error_at(reader_.line(), "expressions are nested too deeply").message
        };
    }
    depth_ += 1;
    const int line = reader_.line();
    Parsed value = [&]() -> Parsed {
        for (const auto& [token, operation] :
             {std::pair("-", UnaryOperator::kMinus), std::pair("+", UnaryOperator::kPlus)}) {
            if (reader_.skip_operator(token)) {
                Parsed operand = parse_unary(false);
                return operand ? make_expression(line, Unary{operation, std::move(*operand)})
                               : std::move(operand);
            }
        }
        return parse_primary();
    }();
    if (value) {
        value = parse_postfix(std::move(*value));
    }
    if (value && with_filters) {
        value = parse_filters_and_tests(std::move(*value));
    }
    depth_ -= 1;
    return value;
}

Parsed ExpressionParser::parse_primary() {
    const Token& token = reader_.current();
    switch (token.kind) {
        case TokenKind::kName:
            return parse_name(reader_.take());
        case TokenKind::kString: {
            const int line = reader_.line();
            std::string text = reader_.take().text;
            while (reader_.is(TokenKind::kString)) {
                text += reader_.take().text;
            }
            return make_expression(line, Literal{Value(std::move(text))});
        }
        case TokenKind::kInteger:
        case TokenKind::kFloat:
            return parse_number(reader_.take());
        default:
            break;
    }
    if (reader_.skip_operator("(")) {
        return parse_parentheses();
    }
    if (reader_.skip_operator("[")) {
        return parse_list();
    }
    if (reader_.skip_operator("{")) {
        return parse_dict();
    }
    return reader_.unexpected("an expression");
}

Parsed ExpressionParser::parse_name(Token token) {
    const std::string& name = token.text;
    if (name == "true" || name == "True" || name == "false" || name == "False") {
        return make_expression(token.line, Literal{Value(name == "true" || name == "True")});
    }
    if (name == "none" || name == "None") {
        return make_expression(token.line, Literal{Value()});
    }
    for (const std::string_view keyword : {"if", "else", "and", "or", "not", "in", "is", "for"}) {
        if (name == keyword) {
            return error_at(token.line, fmt::format("expected an expression but found '{}'", name));
        }
    }
    return make_expression(token.line, NameUse{std::move(token.text)});
}

Parsed ExpressionParser::parse_number(const Token& token) {
    const char* end = token.text.data() + token.text.size();
    if (token.kind == TokenKind::kInteger) {
        std::int64_t value = 0;
        if (std::from_chars(token.text.data(), end, value).ec != std::errc()) {
            return error_at(token.line, fmt::format("the number {} is too large", token.text.substr(0, 40)));
        }
        return make_expression(token.line, Literal{Value(value)});
    }
    double value = 0;
    if (std::from_chars(token.text.data(), end, value).ec != std::errc()) {
        return error_at(token.line, fmt::format("the number {} is out of range", token.text.substr(0, 40)));
    }
    return make_expression(token.line, Literal{Value(value)});
}

Parsed ExpressionParser::parse_list() {
    const int line = reader_.line();
    ListLiteral list;
    while (!reader_.skip_operator("]")) {
        if (!list.items.empty()) {
            if (auto comma = reader_.expect_operator(","); !comma) {
                return comma.error();
            }
            if (reader_.skip_operator("]")) {
                break;
            }
        }
        Parsed item = parse();
        if (!item) {
            return item;
        }
        list.items.push_back(std::move(*item));
    }
    return make_expression(line, std::move(list));
}

Parsed ExpressionParser::parse_dict() {
    const int line = reader_.line();
    DictLiteral dict;
    while (!reader_.skip_operator("}")) {
        if (!dict.members.empty()) {
            if (auto comma = reader_.expect_operator(","); !comma) {
                return comma.error();
            }
            if (reader_.skip_operator("}")) {
                break;
            }
        }
        Parsed name = parse();
        if (!name) {
            return name;
        }
        if (auto colon = reader_.expect_operator(":"); !colon) {
            return colon.error();
        }
        Parsed value = parse();
        if (!value) {
            return value;
        }
        dict.members.emplace_back(std::move(*name), std::move(*value));
    }
    return make_expression(line, std::move(dict));
}

Parsed ExpressionParser::parse_parentheses() {
    if (reader_.skip_operator(")")) {
        return make_expression(reader_.line(), ListLiteral{.items = {}, .is_tuple = true});
    }
    Parsed value = parse_tuple(true);
    if (!value) {
        return value;
    }
    if (auto closed = reader_.expect_operator(")"); !closed) {
        return closed.error();
    }
    return value;
}

Parsed ExpressionParser::parse_tuple(bool with_conditional) {
    const int line = reader_.line();
    ListLiteral tuple{.items = {}, .is_tuple = true};
    bool has_comma = false;
    while (true) {
        Parsed item = with_conditional ? parse() : parse_without_conditional();
        if (!item) {
            return item;
        }
        tuple.items.push_back(std::move(*item));
        if (!reader_.skip_operator(",")) {
            break;
        }
        has_comma = true;
        if (reader_.is_operator(")") || reader_.is(TokenKind::kBlockEnd) ||
            reader_.is(TokenKind::kOutputEnd)) {
            break;
        }
    }
    return has_comma ? make_expression(line, std::move(tuple)) : std::move(tuple.items[0]);
}

}  // namespace capstan::text::jinja
