// What may follow a value: attributes, subscripts, calls, filters and tests. And the names that it is given.

#include <charconv>

#include <fmt/format.h>

#include "text/jinja_parser.h"

namespace capstan::text::jinja {

using Parsed = ExpressionParser::Parsed;

Parsed ExpressionParser::parse_postfix(ExpressionPointer object) {
    while (true) {
        const int line = reader_.line();
        if (object->depth > kTreeDepthMax) {
            return bounded(std::move(object));
        }
        if (reader_.skip_operator(".")) {
            if (reader_.is(TokenKind::kInteger)) {
                Parsed index = parse_number(reader_.take());
                if (!index) {
                    return index;
                }
                object = make_expression(line, IndexUse{std::move(object), std::move(*index)});
                continue;
            }
            auto name = reader_.expect_name();
            if (!name) {
                return name.error();
            }
            object = make_expression(line, AttributeUse{std::move(object), std::move(*name)});
        } else if (reader_.skip_operator("[")) {
            Parsed subscript = parse_subscript(std::move(object));
            if (!subscript) {
                return subscript;
            }
            object = std::move(*subscript);
        } else if (reader_.skip_operator("(")) {
            auto arguments = parse_arguments();
            if (!arguments) {
                return arguments.error();
            }
            object = make_expression(line, CallUse{std::move(object), std::move(*arguments)});
        } else {
            return object;
        }
    }
}

Parsed ExpressionParser::parse_filters_and_tests(ExpressionPointer input) {
    while (true) {
        const int line = reader_.line();
        if (input->depth > kTreeDepthMax) {
            return bounded(std::move(input));
        }
        if (reader_.skip_operator("|")) {
            auto filter = parse_filter();
            if (!filter) {
                return filter.error();
            }
            filter->input = std::move(input);
            input = make_expression(line, std::move(*filter));
        } else if (reader_.skip_name("is")) {
            Parsed test = parse_test(std::move(input));
            if (!test) {
                return test;
            }
            input = std::move(*test);
        } else if (reader_.skip_operator("(")) {
            auto arguments = parse_arguments();
            if (!arguments) {
                return arguments.error();
            }
            input = make_expression(line, CallUse{std::move(input), std::move(*arguments)});
        } else {
            return input;
        }
    }
}

// Behind the "[".
Parsed ExpressionParser::parse_subscript(ExpressionPointer object) {
    const int line = reader_.line();
    ExpressionPointer parts[3];
    std::size_t part = 0;
    bool is_slice = false;
    while (!reader_.is_operator("]")) {
        if (reader_.skip_operator(":")) {
            is_slice = true;
            part += 1;
            if (part > 2) {
                return reader_.unexpected("']'");
            }
            continue;
        }
        if (parts[part]) {
            return reader_.unexpected("']'");
        }
        Parsed value = parse();
        if (!value) {
            return value;
        }
        parts[part] = std::move(*value);
    }
    reader_.take();
    if (is_slice) {
        return make_expression(
            line, SliceUse{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])}
        );
    }
    if (!parts[0]) {
        return error_at(line, "a subscript is empty");
    }
    return make_expression(line, IndexUse{std::move(object), std::move(parts[0])});
}

Result<std::vector<std::string>> ExpressionParser::parse_names() {
    std::vector<std::string> names;
    const bool in_parentheses = reader_.skip_operator("(");
    do {
        auto name = reader_.expect_name();
        if (!name) {
            return name.error();
        }
        names.push_back(std::move(*name));
    } while (reader_.skip_operator(",") && reader_.is(TokenKind::kName));
    if (in_parentheses) {
        if (auto closed = reader_.expect_operator(")"); !closed) {
            return closed.error();
        }
    }
    return names;
}

Result<FilterUse> ExpressionParser::parse_filter() {
    auto name = reader_.expect_name();
    if (!name) {
        return name.error();
    }
    FilterUse filter{.input = nullptr, .name = std::move(*name), .arguments = {}};
    if (reader_.skip_operator("(")) {
        auto arguments = parse_arguments();
        if (!arguments) {
            return arguments.error();
        }
        filter.arguments = std::move(*arguments);
    }
    return filter;
}

Result<std::vector<FilterUse>> ExpressionParser::parse_filters(bool bare) {
    std::vector<FilterUse> filters;
    while (bare || reader_.skip_operator("|")) {
        bare = false;
        auto filter = parse_filter();
        if (!filter) {
            return filter.error();
        }
        filters.push_back(std::move(*filter));
    }
    return filters;
}

bool ExpressionParser::starts_test_argument() const {
    switch (reader_.current().kind) {
        case TokenKind::kString:
        case TokenKind::kInteger:
        case TokenKind::kFloat:
            return true;
        case TokenKind::kName:
            return !reader_.is_any_name({"else", "or", "and", "if", "is", "in", "not"});
        default:
            return reader_.is_operator("[") || reader_.is_operator("{");
    }
}

// Behind the "is".
Parsed ExpressionParser::parse_test(ExpressionPointer input) {
    const int line = reader_.line();
    const bool negated = reader_.skip_name("not");
    auto name = reader_.expect_name();
    if (!name) {
        return name.error();
    }
    TestUse test{.input = std::move(input), .name = std::move(*name), .arguments = {}};
    if (reader_.skip_operator("(")) {
        auto arguments = parse_arguments();
        if (!arguments) {
            return arguments.error();
        }
        test.arguments = std::move(*arguments);
    } else if (starts_test_argument()) {
        Parsed argument = parse_primary();
        if (argument) {
            argument = parse_postfix(std::move(*argument));
        }
        if (!argument) {
            return argument;
        }
        test.arguments.positional.push_back(std::move(*argument));
    }
    ExpressionPointer value = make_expression(line, std::move(test));
    return negated ? make_expression(line, Unary{UnaryOperator::kNot, std::move(value)}) : std::move(value);
}

// Behind the "(".
Result<Arguments> ExpressionParser::parse_arguments() {
    Arguments arguments;
    bool is_first = true;
    while (!reader_.skip_operator(")")) {
        if (!is_first) {
            if (auto comma = reader_.expect_operator(","); !comma) {
                return comma.error();
            }
            if (reader_.skip_operator(")")) {
                break;
            }
        }
        is_first = false;
        const bool named = reader_.is(TokenKind::kName) && reader_.next().kind == TokenKind::kOperator &&
                           reader_.next().text == "=";
        std::string name = named ? reader_.take().text : std::string();
        if (named) {
            reader_.take();
        } else if (!arguments.named.empty()) {
            return error_at(reader_.line(), "an argument without a name follows one with a name");
        }
        Parsed value = parse();
        if (!value) {
            return value.error();
        }
        if (named) {
            arguments.named.emplace_back(std::move(name), std::move(*value));
        } else {
            arguments.positional.push_back(std::move(*value));
        }
    }
    return arguments;
}

}  // namespace capstan::text::jinja
