#pragma once

// For tests: the slow and obvious definition of what a grammar matches, straight from its expressions.

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "engine/grammar/grammar.h"

namespace capstan::engine {

// Tells whether a text matches, and whether it is the beginning of one that does. For grammars in which every
// rule comes to an end and none begins with itself.
class GrammarTwin {
public:
    GrammarTwin(const Grammar& grammar, std::string_view text) : grammar_(grammar), text_(text) {
        matches_ = rule(grammar.root, 0).contains(text.size());
    }

    bool matches() const { return matches_; }

    bool is_beginning() const { return matches_ || ran_out_; }

private:
    using Ends = std::set<std::size_t>;

    Ends rule(RuleId id, std::size_t begin) {
        return match(*grammar_.rules[static_cast<std::size_t>(id)].body, begin);
    }

    Ends match(ExpressionId id, std::size_t begin) {
        const auto found = known_.find({id, begin});
        return found != known_.end() ? found->second : known_[{id, begin}] = match_first(id, begin);
    }

    Ends match_first(ExpressionId id, std::size_t begin) {
        const Expression& e = grammar_.expressions[static_cast<std::size_t>(id)];
        Ends ends;
        switch (e.kind) {
            case Expression::Kind::kLiteral: {
                const auto rest = text_.substr(begin);
                ran_out_ = ran_out_ || (rest.size() < e.text.size() && e.text.starts_with(rest));
                return rest.starts_with(e.text) ? Ends{begin + e.text.size()} : Ends{};
            }
            case Expression::Kind::kCharacters:
                return characters(e.set, begin);
            case Expression::Kind::kSequence:
                ends = {begin};
                for (const ExpressionId part : e.parts) {
                    ends = match_all(part, ends);
                }
                return ends;
            case Expression::Kind::kChoice:
                for (const ExpressionId part : e.parts) {
                    ends.merge(match(part, begin));
                }
                return ends;
            case Expression::Kind::kRepeat:
                return repeat(e, begin);
            case Expression::Kind::kCall:
                return rule(e.rule, begin);
        }
        return ends;
    }

    Ends match_all(ExpressionId part, const Ends& begins) {
        Ends ends;
        for (const std::size_t begin : begins) {
            ends.merge(match(part, begin));
        }
        return ends;
    }

    Ends repeat(const Expression& e, std::size_t begin) {
        Ends current = {begin};
        Ends all = e.min == 0 ? current : Ends{};
        for (std::int32_t count = 1; !current.empty() && (e.max < 0 || count <= e.max); ++count) {
            const Ends next = match_all(e.parts[0], current);
            const std::size_t before = all.size();
            if (count >= e.min) {
                all.insert(next.begin(), next.end());
            }
            if (count > e.min + 1 && all.size() == before && std::ranges::includes(all, next)) {
                break;
            }
            current = next;
        }
        return all;
    }

    Ends characters(const CharacterSet& set, std::size_t begin) {
        const auto rest = text_.substr(begin);
        Ends ends;
        for (const auto& spans : utf8_spans(set)) {
            std::size_t same = 0;
            while (same < spans.size() && same < rest.size()) {
                const auto byte = static_cast<std::uint8_t>(rest[same]);
                if (byte < spans[same].first || byte > spans[same].last) {
                    break;
                }
                ++same;
            }
            ran_out_ = ran_out_ || (same == rest.size() && same < spans.size());
            if (same == spans.size()) {
                ends.insert(begin + same);
            }
        }
        return ends;
    }

    const Grammar& grammar_;
    std::string_view text_;
    std::map<std::pair<ExpressionId, std::size_t>, Ends> known_;
    bool matches_ = false;
    bool ran_out_ = false;  // Somewhere the text ended in the midst of what could go on.
};

}  // namespace capstan::engine
