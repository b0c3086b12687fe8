#include "engine/grammar/ebnf.h"

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "engine/grammar/character_reader.h"
#include "engine/grammar/regular_expression.h"

namespace capstan::engine {
namespace {

constexpr int kGroupsDeepMax = 100;

bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name_part(char c) {
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-';
}

class EbnfParser {
public:
    explicit EbnfParser(std::string_view text) : reader_(text) {}

    Result<Grammar> parse() {
        skip_space();
        while (!reader_.at_end()) {
            if (auto parsed = rule(); !parsed) {
                return with_context("grammar", parsed.error());
            }
            skip_space();
        }
        const char* const root = rules_.contains("root") ? "root" : "start";
        const auto found = rules_.find(root);
        if (found == rules_.end()) {
            return Error{
                ErrorCode::kInvalid, "the grammar has no rule 'root': it is where the answer begins"
            };
        }
        return builder_.finish(found->second.id);
    }

private:
    struct Rule {
        RuleId id = 0;
        bool is_defined = false;
    };

    void skip_space() {
        while (!reader_.at_end()) {
            const char c = reader_.peek();
            if (c == '#' || reader_.rest().starts_with("//")) {
                while (!reader_.at_end() && reader_.peek() != '\n') {
                    reader_.next();
                }
            } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
                reader_.next();
            } else {
                return;
            }
        }
    }

    std::string name() {
        std::string read;
        while (!reader_.at_end() && is_name_part(reader_.peek())) {
            read += reader_.peek();
            reader_.next();
        }
        return read;
    }

    bool take_definition() {
        skip_space();
        return reader_.take("::=") || reader_.take(":=") || reader_.take(':') || reader_.take('=');
    }

    Rule& rule_named(const std::string& name) {
        const auto [found, is_new] = rules_.try_emplace(name);
        if (is_new) {
            found->second.id = builder_.declare(name);
        }
        return found->second;
    }

    Result<void> rule() {
        if (!is_name_start(reader_.peek())) {
            return reader_.error("a rule begins with its name");
        }
        const std::string rule_name = name();
        if (!take_definition()) {
            return reader_.error(fmt::format("'{}' needs '::=' behind it", rule_name));
        }
        if (rule_named(rule_name).is_defined) {
            return reader_.error(fmt::format("rule '{}' is defined twice", rule_name));
        }
        rule_named(rule_name).is_defined = true;
        const auto body = choice(0);
        if (!body) {
            return with_context(fmt::format("rule '{}'", rule_name), body.error());
        }
        builder_.define(rule_named(rule_name).id, *body);
        skip_space();
        reader_.take(';');
        return {};
    }

    Result<ExpressionId> choice(int depth) {
        std::vector<ExpressionId> alternatives;
        do {
            auto alternative = sequence(depth);
            if (!alternative) {
                return alternative;
            }
            alternatives.push_back(*alternative);
            skip_space();
        } while (reader_.take('|'));
        return builder_.choice(std::move(alternatives));
    }

    // A name that comes next begins the next rule, and is not part of this one.
    bool at_next_rule() {
        if (!is_name_start(reader_.peek())) {
            return false;
        }
        const CharacterReader here = reader_;
        (void)name();
        const bool is_rule = take_definition();
        reader_ = here;
        return is_rule;
    }

    Result<ExpressionId> sequence(int depth) {
        std::vector<ExpressionId> parts;
        for (;;) {
            skip_space();
            if (reader_.at_end() || reader_.peek() == '|' || reader_.peek() == ')' || reader_.peek() == ';' ||
                at_next_rule()) {
                break;
            }
            auto part = atom(depth);
            if (!part) {
                return part;
            }
            part = quantified(*part);
            if (!part) {
                return part;
            }
            parts.push_back(*part);
        }
        return parts.empty() ? builder_.empty() : builder_.sequence(std::move(parts));
    }

    Result<ExpressionId> quantified(ExpressionId part) {
        // Several in a row are allowed: each is about what stands before it.
        for (int i = 0; i < 4; ++i) {
            if (reader_.take('*')) {
                part = builder_.repeat(part, 0, -1);
            } else if (reader_.take('+')) {
                part = builder_.repeat(part, 1, -1);
            } else if (reader_.take('?')) {
                part = builder_.repeat(part, 0, 1);
            } else {
                const auto counts = reader_.read_counts();
                if (!counts) {
                    return counts.error();
                }
                if (!*counts) {
                    break;
                }
                part = builder_.repeat(part, (*counts)->first, (*counts)->second);
            }
        }
        return part;
    }

    Result<ExpressionId> atom(int depth) {
        const char c = reader_.peek();
        if (is_name_start(c)) {
            return builder_.call(rule_named(name()).id);
        }
        reader_.next();
        switch (c) {
            case '"':
            case '\'':
                return literal(c);
            case '[': {
                auto set = reader_.read_class();
                return set ? Result<ExpressionId>(builder_.characters(std::move(*set))) : set.error();
            }
            case '.':
                return builder_.characters(CharacterSet::all());
            case '/':
                return regex();
            case '(': {
                if (depth >= kGroupsDeepMax) {
                    return reader_.error(fmt::format("groups more than {} deep", kGroupsDeepMax));
                }
                auto inner = choice(depth + 1);
                if (inner && !reader_.take(')')) {
                    return reader_.error("a '(' without its ')'");
                }
                return inner;
            }
            case '%':
                return reader_.error("directives ('%ignore', '%import') are not supported");
            default:
                return reader_.error(
                    "neither a literal, a class, a name, a group nor a regular expression begins here"
                );
        }
    }

    Result<ExpressionId> literal(char quote) {
        std::string text;
        while (!reader_.at_end() && reader_.peek() != quote) {
            if (!reader_.take('\\')) {
                const std::uint32_t character = reader_.next();
                if (character == CharacterReader::kBroken) {
                    return reader_.error("bytes that are not UTF-8");
                }
                append_utf8(text, character);
                continue;
            }
            const auto set = reader_.read_escape(CharacterReader::Place::kInClass);
            if (!set) {
                return set.error();
            }
            if (set->ranges().size() != 1 || set->ranges()[0].first != set->ranges()[0].last) {
                return reader_.error("a class such as '\\d' cannot stand in a literal");
            }
            append_utf8(text, set->ranges()[0].first);
        }
        if (!reader_.take(quote)) {
            return reader_.error("a literal without its end");
        }
        return builder_.literal(text);
    }

    Result<ExpressionId> regex() {
        std::string pattern;
        while (!reader_.at_end() && reader_.peek() != '/') {
            if (reader_.rest().starts_with("\\/")) {
                reader_.next();
            } else if (reader_.peek() == '\\' && reader_.rest().size() > 1) {
                pattern += reader_.peek();
                reader_.next();
            }
            const std::string_view before = reader_.rest();
            reader_.next();
            pattern += before.substr(0, before.size() - reader_.rest().size());
        }
        if (!reader_.take('/')) {
            return reader_.error("a regular expression without its end");
        }
        return parse_regex(pattern, RegexUse::kWholeText, builder_);
    }

    CharacterReader reader_;
    GrammarBuilder builder_;
    std::map<std::string, Rule> rules_;
};

}  // namespace

Result<Grammar> parse_ebnf(std::string_view text) {
    if (text.size() > kEbnfBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("the grammar has {} bytes; at most {}", text.size(), kEbnfBytesMax)
        };
    }
    return EbnfParser(text).parse();
}

}  // namespace capstan::engine
