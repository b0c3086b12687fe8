#include "engine/grammar/regular_expression.h"

#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/grammar/character_reader.h"

namespace capstan::engine {
namespace {

constexpr int kGroupsDeepMax = 100;

struct Bounds {
    std::int32_t min = 0;
    std::int32_t max = 0;
};

class RegexParser {
public:
    RegexParser(std::string_view pattern, RegexUse use, GrammarBuilder& builder)
        : reader_(pattern), use_(use), builder_(builder) {}

    Result<ExpressionId> parse() {
        std::vector<ExpressionId> alternatives;
        do {
            auto alternative = anchored();
            if (!alternative) {
                return alternative;
            }
            alternatives.push_back(*alternative);
        } while (reader_.take('|'));
        if (!reader_.at_end()) {
            return reader_.error("a ')' without its '('");
        }
        return builder_.choice(std::move(alternatives));
    }

private:
    ExpressionId characters(const CharacterSet& set) {
        return use_ == RegexUse::kJsonString ? json_characters(set, builder_) : builder_.characters(set);
    }

    // A whole alternative of the pattern, with its anchors.
    Result<ExpressionId> anchored() {
        const bool at_start = reader_.take('^');
        auto inner = sequence(0);
        if (!inner) {
            return inner;
        }
        const bool at_end = reader_.take('$');
        if (!reader_.at_end() && reader_.peek() != '|' && reader_.peek() != ')') {
            return reader_.error("'$' anywhere but at the end is not supported");
        }
        if (use_ == RegexUse::kWholeText) {
            return inner;
        }
        const auto anything = [&] { return builder_.repeat(characters(CharacterSet::all()), 0, -1); };
        std::vector<ExpressionId> parts;
        if (!at_start) {
            parts.push_back(anything());
        }
        parts.push_back(*inner);
        if (!at_end) {
            parts.push_back(anything());
        }
        return builder_.sequence(std::move(parts));
    }

    Result<ExpressionId> choice(int depth) {
        std::vector<ExpressionId> alternatives;
        do {
            auto alternative = sequence(depth);
            if (!alternative) {
                return alternative;
            }
            alternatives.push_back(*alternative);
        } while (reader_.take('|'));
        return builder_.choice(std::move(alternatives));
    }

    Result<ExpressionId> sequence(int depth) {
        std::vector<ExpressionId> parts;
        while (!reader_.at_end() && reader_.peek() != '|' && reader_.peek() != ')' && reader_.peek() != '$') {
            auto part = atom(depth);
            if (!part) {
                return part;
            }
            auto bounds = quantifier();
            if (!bounds) {
                return bounds.error();
            }
            parts.push_back(*bounds ? builder_.repeat(*part, (*bounds)->min, (*bounds)->max) : *part);
        }
        if (depth > 0 && !reader_.at_end() && reader_.peek() == '$') {
            return reader_.error("'$' inside a group is not supported");
        }
        return parts.empty() ? builder_.empty() : builder_.sequence(std::move(parts));
    }

    Result<ExpressionId> atom(int depth) {
        switch (reader_.peek()) {
            case '(':
                return group(depth);
            case '[': {
                reader_.next();
                const auto set = reader_.read_class();
                return set ? Result<ExpressionId>(characters(*set)) : set.error();
            }
            case '.':
                reader_.next();
                return characters(CharacterSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement());
            case '*':
            case '+':
            case '?':
                return reader_.error("a quantifier with nothing before it");
            case '^':
                return reader_.error("'^' anywhere but at the start is not supported");
            case '\\': {
                reader_.next();
                const auto set = reader_.read_escape(CharacterReader::Place::kOutsideClass);
                return set ? Result<ExpressionId>(characters(*set)) : set.error();
            }
            default: {
                const std::uint32_t character = reader_.next();
                if (character == CharacterReader::kBroken) {
                    return reader_.error("bytes that are not UTF-8");
                }
                return characters({{character, character}});
            }
        }
    }

    Result<ExpressionId> group(int depth) {
        if (depth >= kGroupsDeepMax) {
            return reader_.error(fmt::format("groups more than {} deep", kGroupsDeepMax));
        }
        reader_.next();
        if (reader_.take('?') && !reader_.take(':')) {
            if (auto named = group_name(); !named) {
                return named.error();
            }
        }
        auto inner = choice(depth + 1);
        if (!inner) {
            return inner;
        }
        if (!reader_.take(')')) {
            return reader_.error("a '(' without its ')'");
        }
        return inner;
    }

    // Behind "(?": "<name>" or "P<name>".
    Result<void> group_name() {
        reader_.take('P');
        if (!reader_.take('<') || reader_.at_end() || reader_.peek() == '=' || reader_.peek() == '!') {
            return reader_.error("look-around and flags ('(?=', '(?!', '(?<', '(?i)') are not supported");
        }
        while (!reader_.at_end() && reader_.peek() != '>') {
            reader_.next();
        }
        reader_.take('>');
        return {};
    }

    Result<std::optional<Bounds>> quantifier() {
        std::optional<Bounds> bounds;
        if (reader_.take('*')) {
            bounds = {0, -1};
        } else if (reader_.take('+')) {
            bounds = {1, -1};
        } else if (reader_.take('?')) {
            bounds = {0, 1};
        } else if (const auto counted = reader_.read_counts(); !counted) {
            return counted.error();
        } else if (*counted) {
            bounds = {(*counted)->first, (*counted)->second};
        }
        if (bounds) {
            reader_.take('?');  // Lazy: the same texts.
            if (!reader_.at_end() &&
                (reader_.peek() == '*' || reader_.peek() == '+' || reader_.peek() == '?')) {
                return reader_.error("a quantifier behind a quantifier is not supported");
            }
        }
        return bounds;
    }

    CharacterReader reader_;
    RegexUse use_;
    GrammarBuilder& builder_;
};

}  // namespace

Result<ExpressionId> parse_regex(std::string_view pattern, RegexUse use, GrammarBuilder& builder) {
    if (pattern.size() > kRegexBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("the regular expression has {} bytes; at most {}", pattern.size(), kRegexBytesMax)
        };
    }
    auto parsed = RegexParser(pattern, use, builder).parse();
    if (!parsed) {
        return with_context("regular expression", parsed.error());
    }
    return parsed;
}

ExpressionId json_characters(const CharacterSet& set, GrammarBuilder& builder) {
    static const CharacterSet escaped = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
    const CharacterSet raw = set.without(escaped);
    std::vector<ExpressionId> ways;
    if (!raw.empty()) {
        ways.push_back(builder.characters(raw));
    }
    for (std::uint32_t c = 0; c <= '\\'; ++c) {
        if (!escaped.contains(c) || !set.contains(c)) {
            continue;
        }
        constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
        const std::size_t place = kShort.find(static_cast<char>(c));
        ways.push_back(builder.literal(
            place == std::string_view::npos ? fmt::format("\\u{:04x}", c)
                                            : fmt::format("\\{}", "btnfr\"\\"[place])
        ));
    }
    return builder.choice(std::move(ways));
}

}  // namespace capstan::engine
