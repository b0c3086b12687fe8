#include "text/jinja_parser.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace capstan::text::jinja {
namespace {

using Names = std::initializer_list<std::string_view>;

class StatementParser {
public:
    explicit StatementParser(std::vector<Token> tokens) : reader_(std::move(tokens)), expressions_(reader_) {}

    Result<Program> run() {
        auto body = parse_body({});
        if (!body) {
            return body.error();
        }
        return Program{std::move(*body)};
    }

private:
    using Parsed = Result<Statement>;

    // Statements up to a block tag that starts with one of `ends`, which becomes the current token; or up to
    // the end when there are none.
    Result<Body> parse_body(Names ends) {
        if (depth_ >= kNestingMax) {
            return Error{
                ErrorCode::kTooLarge, error_at(reader_.line(), "blocks are nested too deeply").message
            };
        }
        depth_ += 1;
        const int opened = reader_.line();
        Body body;
        while (!reader_.is(TokenKind::kEnd)) {
            if (reader_.is(TokenKind::kBlock)) {
                reader_.take();
                if (reader_.is_any_name(ends)) {
                    depth_ -= 1;
                    return body;
                }
            }
            Parsed statement = parse_statement();
            if (!statement) {
                return statement.error();
            }
            body.push_back(std::move(*statement));
        }
        depth_ -= 1;
        if (ends.size() > 0) {
            return error_at(opened, fmt::format("a block is not closed by '{}'", *(ends.end() - 1)));
        }
        return body;
    }

    Parsed parse_statement() {
        const int line = reader_.line();
        if (reader_.is(TokenKind::kText)) {
            return Statement{line, TextStatement{reader_.take().text}};
        }
        if (reader_.is(TokenKind::kOutput)) {
            reader_.take();
            auto value = expressions_.parse_tuple(true);
            if (!value) {
                return value.error();
            }
            if (!reader_.is(TokenKind::kOutputEnd)) {
                return reader_.unexpected("'}}'");
            }
            reader_.take();
            return Statement{line, OutputStatement{std::move(*value)}};
        }
        auto name = reader_.expect_name();
        if (!name) {
            return name.error();
        }
        Parsed statement = parse_block(*name, line);
        if (statement) {
            statement->line = line;
        }
        return statement;
    }

    Parsed parse_block(std::string_view name, int line) {
        if (name == "if") {
            return parse_if();
        }
        if (name == "for") {
            return parse_for();
        }
        if (name == "set") {
            return parse_set();
        }
        if (name == "macro") {
            return parse_macro();
        }
        if (name == "call") {
            return parse_call();
        }
        if (name == "filter") {
            return parse_filter_block();
        }
        if (name == "generation") {
            auto body = parse_closed_body("endgeneration");
            return body ? Parsed(Statement{line, BodyStatement{std::move(*body)}}) : Parsed(body.error());
        }
        if (name == "break" || name == "continue") {
            if (loops_ == 0) {
                return error_at(line, fmt::format("'{}' is not in a loop", name));
            }
            Statement statement;
            if (name == "break") {
                statement.node = BreakStatement{};
            } else {
                statement.node = ContinueStatement{};
            }
            return close_tag(std::move(statement));
        }
        if (name == "do") {
            auto value = expressions_.parse_tuple(true);
            return value ? close_tag(Statement{line, DoStatement{std::move(*value)}}) : Parsed(value.error());
        }
        return error_at(line, fmt::format("the block '{}' is not supported", name.substr(0, 80)));
    }

    Result<void> expect_tag_end() {
        if (!reader_.is(TokenKind::kBlockEnd)) {
            return reader_.unexpected("'%}'");
        }
        reader_.take();
        return {};
    }

    Parsed close_tag(Statement statement) {
        if (auto closed = expect_tag_end(); !closed) {
            return closed.error();
        }
        return statement;
    }

    // The end of the opening tag, the body, and the whole closing tag.
    Result<Body> parse_closed_body(std::string_view end) {
        if (auto opened = expect_tag_end(); !opened) {
            return opened.error();
        }
        auto body = parse_body({end});
        if (!body) {
            return body;
        }
        reader_.take();
        if (end == "endmacro" || end == "endset") {
            if (reader_.is(TokenKind::kName)) {
                reader_.take();  // The name may be repeated.
            }
        }
        if (auto closed = expect_tag_end(); !closed) {
            return closed.error();
        }
        return body;
    }

    Parsed parse_if() {
        IfStatement statement;
        while (true) {
            auto condition = expressions_.parse_tuple(false);
            if (!condition) {
                return condition.error();
            }
            if (auto closed = expect_tag_end(); !closed) {
                return closed.error();
            }
            auto body = parse_body({"elif", "else", "endif"});
            if (!body) {
                return body.error();
            }
            statement.branches.emplace_back(std::move(*condition), std::move(*body));
            const std::string next = reader_.take().text;
            if (next == "elif") {
                continue;
            }
            if (next == "endif") {
                return close_tag(Statement{.line = 1, .node = std::move(statement)});
            }
            break;
        }
        auto body = parse_closed_body("endif");
        if (!body) {
            return body.error();
        }
        statement.otherwise = std::move(*body);
        return Statement{.line = 1, .node = std::move(statement)};
    }

    Parsed parse_for() {
        ForStatement statement;
        auto names = expressions_.parse_names();
        if (!names) {
            return names.error();
        }
        statement.names = std::move(*names);
        if (!reader_.skip_name("in")) {
            return reader_.unexpected("'in'");
        }
        auto items = expressions_.parse_tuple(false);
        if (!items) {
            return items.error();
        }
        statement.items = std::move(*items);
        if (reader_.skip_name("if")) {
            auto condition = expressions_.parse();
            if (!condition) {
                return condition.error();
            }
            statement.condition = std::move(*condition);
        }
        if (reader_.is_name("recursive")) {
            return error_at(reader_.line(), "recursive loops are not supported");
        }
        if (auto closed = expect_tag_end(); !closed) {
            return closed.error();
        }
        loops_ += 1;
        auto body = parse_body({"else", "endfor"});
        loops_ -= 1;
        if (!body) {
            return body.error();
        }
        statement.body = std::move(*body);
        if (reader_.take().text == "else") {
            auto otherwise = parse_closed_body("endfor");
            if (!otherwise) {
                return otherwise.error();
            }
            statement.otherwise = std::move(*otherwise);
            return Statement{.line = 1, .node = std::move(statement)};
        }
        return close_tag(Statement{.line = 1, .node = std::move(statement)});
    }

    Parsed parse_set() {
        auto names = expressions_.parse_names();
        if (!names) {
            return names.error();
        }
        std::string attribute;
        if (reader_.skip_operator(".")) {
            auto name = reader_.expect_name();
            if (!name) {
                return name.error();
            }
            attribute = std::move(*name);
        }
        if (reader_.skip_operator("=")) {
            auto value = expressions_.parse_tuple(true);
            if (!value) {
                return value.error();
            }
            return close_tag(Statement{
                .line = 1,
                .node =
                    SetStatement{
                        .names = std::move(*names),
                        .attribute = std::move(attribute),
                        .value = std::move(*value)
                    }
            });
        }
        if (names->size() != 1) {
            return reader_.unexpected("'='");
        }
        auto filters = expressions_.parse_filters(false);
        if (!filters) {
            return filters.error();
        }
        auto body = parse_closed_body("endset");
        if (!body) {
            return body.error();
        }
        return Statement{
            .line = 1,
            .node =
                SetBlockStatement{
                    .name = std::move(names->front()),
                    .attribute = std::move(attribute),
                    .filters = std::move(*filters),
                    .body = std::move(*body)
                }
        };
    }

    // "(a, b=1)" and the body up to `end`.
    Result<MacroStatement> parse_macro_rest(std::string name, std::string_view end) {
        MacroStatement macro{.name = std::move(name), .parameters = {}, .body = {}};
        if (reader_.skip_operator("(")) {
            while (!reader_.skip_operator(")")) {
                if (!macro.parameters.empty()) {
                    if (auto comma = reader_.expect_operator(","); !comma) {
                        return comma.error();
                    }
                }
                auto parameter = reader_.expect_name();
                if (!parameter) {
                    return parameter.error();
                }
                ExpressionPointer otherwise;
                if (reader_.skip_operator("=")) {
                    auto value = expressions_.parse();
                    if (!value) {
                        return value.error();
                    }
                    otherwise = std::move(*value);
                }
                macro.parameters.emplace_back(std::move(*parameter), std::move(otherwise));
            }
        }
        const int loops = std::exchange(loops_, 0);
        auto body = parse_closed_body(end);
        loops_ = loops;
        if (!body) {
            return body.error();
        }
        macro.body = std::move(*body);
        return macro;
    }

    Parsed parse_macro() {
        auto name = reader_.expect_name();
        if (!name) {
            return name.error();
        }
        if (!reader_.is_operator("(")) {
            return reader_.unexpected("'('");
        }
        auto macro = parse_macro_rest(std::move(*name), "endmacro");
        return macro ? Parsed(Statement{.line = 1, .node = std::move(*macro)}) : Parsed(macro.error());
    }

    Parsed parse_call() {
        if (reader_.is_operator("(")) {
            return error_at(reader_.line(), "call blocks with parameters are not supported");
        }
        auto call = expressions_.parse();
        if (!call) {
            return call.error();
        }
        if (!std::holds_alternative<CallUse>((*call)->node)) {
            return error_at((*call)->line, "a call block needs a call");
        }
        auto caller = parse_macro_rest("caller", "endcall");
        if (!caller) {
            return caller.error();
        }
        return Statement{
            .line = 1,
            .node = CallStatement{std::move(*call), std::make_unique<MacroStatement>(std::move(*caller))}
        };
    }

    Parsed parse_filter_block() {
        auto filters = expressions_.parse_filters(true);
        if (!filters) {
            return filters.error();
        }
        auto body = parse_closed_body("endfilter");
        if (!body) {
            return body.error();
        }
        return Statement{.line = 1, .node = FilterStatement{std::move(*filters), std::move(*body)}};
    }

    TokenReader reader_;
    ExpressionParser expressions_;
    int depth_ = 0;
    int loops_ = 0;
};

}  // namespace

Result<Program> parse_program(std::vector<Token> tokens) {
    return StatementParser(std::move(tokens)).run();
}

}  // namespace capstan::text::jinja
