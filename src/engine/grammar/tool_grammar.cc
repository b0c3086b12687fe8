#include "engine/grammar/tool_grammar.h"

#include <deque>
#include <map>
#include <string>

#include <fmt/format.h>

#include "engine/grammar/json_schema.h"
#include "text/unicode.h"

namespace capstan::engine {
namespace {

using text::ToolCallFormat;

class ToolGrammar {
public:
    explicit ToolGrammar(const ToolGrammarOptions& options)
        : options_(options), marks_(text::tool_call_marks(options.format)), pieces_(builder_) {}

    Result<Grammar> build() {
        if (options_.format == ToolCallFormat::kNone || options_.tools.empty()) {
            return Error{ErrorCode::kInvalid, "this model has no way to call tools, or none was given"};
        }
        const RuleId root = builder_.declare("answer");
        auto one = call();
        if (!one) {
            return one.error();
        }
        const ExpressionId calls = all_calls(*one);
        builder_.define(root, options_.must_call ? calls : text_or(calls));
        return builder_.finish(root);
    }

private:
    // One object of a call.
    Result<ExpressionId> call() {
        std::vector<ExpressionId> ways;
        std::vector<ExpressionId> named_ways;
        const bool is_llama = options_.format == ToolCallFormat::kLlama3;
        for (const llm::Tool& tool : options_.tools) {
            const auto arguments = arguments_of(tool);
            if (!arguments) {
                return with_context(fmt::format("tool '{}'", tool.name), arguments.error());
            }
            const auto name = builder_.sequence(
                {builder_.literal("\"name\""),
                 pieces_.colon(),
                 pieces_.literal(Json(tool.name)),
                 pieces_.comma()}
            );
            const auto rest = builder_.sequence(
                {builder_.literal(is_llama ? "\"parameters\"" : "\"arguments\""), pieces_.colon(), *arguments}
            );
            ways.push_back(pieces_.bracketed("{", builder_.sequence({name, rest}), "}"));
            named_ways.push_back(builder_.sequence({builder_.literal(tool.name + "[ARGS]"), *arguments}));
        }
        if (options_.format == ToolCallFormat::kMistral) {
            named_call_ = builder_.rule("named_call", builder_.choice(std::move(named_ways)));
        }
        return builder_.rule("call", builder_.choice(std::move(ways)));
    }

    Result<ExpressionId> arguments_of(const llm::Tool& tool) {
        if (!tool.is_strict || tool.parameters.empty()) {
            return pieces_.object();
        }
        auto schema = parse_json(tool.parameters);
        if (!schema) {
            return schema.error();
        }
        schemas_.push_back(std::move(*schema));
        return add_json_schema(schemas_.back(), pieces_);
    }

    // Calls with their marks, from the first mark to the last.
    ExpressionId all_calls(ExpressionId one) {
        const auto open = builder_.literal(marks_.open);
        const auto close = builder_.literal(marks_.close);
        const auto more = again(builder_.sequence({pieces_.comma(), one}));
        const auto list = pieces_.bracketed("[", builder_.sequence({one, more}), "]");
        switch (options_.format) {
            case ToolCallFormat::kHermes: {
                const auto marked = builder_.rule(
                    "calls", builder_.sequence({open, pieces_.space(), one, pieces_.space(), close})
                );
                return builder_.sequence({marked, again(builder_.sequence({pieces_.space(), marked}))});
            }
            case ToolCallFormat::kLlama3:
                return builder_.sequence({builder_.optional(open), one});
            case ToolCallFormat::kJson:
                return builder_.choice({one, list});
            case ToolCallFormat::kMistral: {  // One list, or, as its newer models do, call by call.
                const auto named = builder_.sequence({open, named_call_});
                return builder_.choice(
                    {builder_.sequence({open, pieces_.space(), list}),
                     builder_.sequence({named, again(named)})}
                );
            }
            default:  // Phi: one list.
                return builder_.sequence({open, pieces_.space(), list, close});
        }
    }

    // What may follow a first call: any number of others, or none.
    ExpressionId again(ExpressionId call) {
        return options_.has_parallel_calls ? builder_.repeat(call, 0, -1) : builder_.empty();
    }

    ExpressionId text_or(ExpressionId calls) {
        // Where JSON itself is the mark, an answer that begins with it is a call.
        if (options_.format == ToolCallFormat::kJson || options_.format == ToolCallFormat::kLlama3) {
            const CharacterSet begins =
                CharacterSet({{'{', '{'}, {'[', '['}, {' ', ' '}, {'\t', '\n'}, {'\r', '\r'}}).complement();
            const auto anything = builder_.repeat(builder_.characters(CharacterSet::all()), 0, -1);
            const auto answer = builder_.sequence({builder_.characters(begins), anything});
            return builder_.choice({builder_.empty(), answer, calls});
        }
        return text_until_mark(calls);
    }

    // Text in which the opening mark does not stand but for calls: one rule for each part of the mark that
    // the text may end in (the automaton of Knuth, Morris and Pratt, 1977). Marks are ASCII.
    ExpressionId text_until_mark(ExpressionId calls) {
        const std::string_view mark = marks_.open;
        std::vector<RuleId> rules;
        for (std::size_t i = 0; i < mark.size(); ++i) {
            rules.push_back(builder_.declare("text"));
        }
        const auto all = builder_.rule("calls", calls);
        for (std::size_t done = 0; done < mark.size(); ++done) {
            std::map<std::size_t, CharacterSet> next;
            CharacterSet others = CharacterSet::all();
            for (const char c : mark) {
                const auto character = static_cast<std::uint32_t>(c);
                if (others.contains(character)) {
                    others = others.without({{character, character}});
                    next[longest_beginning(std::string(mark.substr(0, done)) + c)].add({character, character}
                    );
                }
            }
            next[0].add(others);
            std::vector<ExpressionId> ways = {builder_.empty()};
            for (const auto& [to, characters] : next) {
                if (to < mark.size()) {
                    ways.push_back(
                        builder_.sequence({builder_.characters(characters), builder_.call(rules[to])})
                    );
                }
            }
            const auto after = options_.has_parallel_calls ? builder_.call(rules[0]) : builder_.empty();
            ways.push_back(builder_.sequence({all, after}));
            builder_.define(rules[done], builder_.choice(std::move(ways)));
        }
        return builder_.call(rules[0]);
    }

    // Of the mark: the longest beginning that `text` ends with.
    std::size_t longest_beginning(std::string_view text) const {
        std::size_t length = std::min(text.size(), marks_.open.size());
        while (!marks_.open.starts_with(text.substr(text.size() - length))) {
            --length;
        }
        return length;
    }

    const ToolGrammarOptions& options_;
    text::ToolCallMarks marks_;
    GrammarBuilder builder_;
    JsonPieces pieces_;
    std::deque<Json> schemas_;
    ExpressionId named_call_ = {};  // Of Mistral: a tool's name, then its arguments.
};

}  // namespace

Result<Grammar> tool_call_grammar(const ToolGrammarOptions& options) {
    return ToolGrammar(options).build();
}

}  // namespace capstan::engine
