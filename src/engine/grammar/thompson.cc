#include "engine/grammar/thompson.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

// A part that repeats is copied while its copies stay below this size; else it is a rule that is called with
// a count.
constexpr std::int64_t kUnrolledMax = 128;
constexpr std::int64_t kSizeMax = std::int64_t{1} << 40;

class ThompsonBuilder {
public:
    explicit ThompsonBuilder(const Grammar& grammar)
        : grammar_(grammar), rule_of_(grammar.rules.size(), -1), size_of_(grammar.expressions.size(), -1) {}

    Result<ThompsonGraph> build() {
        rule(grammar_.root);
        for (std::size_t next = 0; next < bodies_.size(); ++next) {
            const StateId end = add(bodies_[next], graph_.rules[next].start, graph_.rules[next].origin);
            graph_.rules[next].end = end;
            if (edges_ > kAutomatonEdgesMax) {
                return Error{
                    ErrorCode::kTooLarge,
                    fmt::format("the grammar needs more than {} edges: make it smaller", kAutomatonEdgesMax)
                };
            }
        }
        return std::move(graph_);
    }

private:
    using Spans = std::vector<std::pair<std::uint8_t, std::uint8_t>>;

    StateId node() {
        graph_.nodes.emplace_back();
        return static_cast<StateId>(graph_.nodes.size() - 1);
    }

    ThompsonNode& at(StateId id) { return graph_.nodes[static_cast<std::size_t>(id)]; }

    const Expression& expression(ExpressionId id) const {
        return grammar_.expressions[static_cast<std::size_t>(id)];
    }

    void move(StateId from, StateId to) {
        ++edges_;
        at(from).moves.push_back(to);
    }

    RuleId new_rule(ExpressionId body, RuleId origin) {
        graph_.rules.push_back({.start = node(), .end = 0, .origin = origin});
        bodies_.push_back(body);
        return static_cast<RuleId>(bodies_.size() - 1);
    }

    RuleId rule(RuleId origin) {
        RuleId& id = rule_of_[static_cast<std::size_t>(origin)];
        if (id < 0) {
            id = new_rule(*grammar_.rules[static_cast<std::size_t>(origin)].body, origin);
        }
        return id;
    }

    // Nodes that a copy of an expression makes, about.
    std::int64_t size(ExpressionId id) {
        std::int64_t& known = size_of_[static_cast<std::size_t>(id)];
        if (known >= 0) {
            return known;
        }
        const Expression& e = expression(id);
        std::int64_t total = 1;
        switch (e.kind) {
            case Expression::Kind::kLiteral:
                total = std::ssize(e.text);
                break;
            case Expression::Kind::kCharacters:
                total = e.set.ranges().empty() || e.set.ranges().back().last < 0x80 ? 1 : 8;
                break;
            case Expression::Kind::kCall:
                break;
            case Expression::Kind::kRepeat:
                total = size(e.parts[0]) * std::max({e.min, e.max, 1});
                total = total > kUnrolledMax ? 1 : total;
                break;
            default:
                for (const ExpressionId part : e.parts) {
                    total = std::min(total + size(part), kSizeMax);
                }
        }
        known = total;
        return known;
    }

    // Adds what reads `id` behind `from`; returns where it ends.
    StateId add(ExpressionId id, StateId from, RuleId origin) {
        if (edges_ > kAutomatonEdgesMax) {
            return from;
        }
        const Expression& e = expression(id);
        switch (e.kind) {
            case Expression::Kind::kLiteral:
                return add_literal(e.text, from);
            case Expression::Kind::kCharacters:
                return add_characters(e.set, from);
            case Expression::Kind::kSequence:
                for (const ExpressionId part : e.parts) {
                    from = add(part, from, origin);
                }
                return from;
            case Expression::Kind::kChoice:
                return add_choice(e, from, origin);
            case Expression::Kind::kRepeat:
                return add_repeat(e, from, origin);
            case Expression::Kind::kCall:
                return add_call({.rule = rule(e.rule)}, from);
        }
        return from;
    }

    StateId add_literal(const std::string& text, StateId from) {
        for (const char c : text) {
            const auto byte = static_cast<std::uint8_t>(c);
            const StateId to = node();
            ++edges_;
            at(from).bytes.push_back({byte, byte, to});
            from = to;
        }
        return from;
    }

    StateId add_characters(const CharacterSet& set, StateId from) {
        const StateId to = node();
        std::map<Spans, StateId> tails = {{{}, to}};
        for (const auto& spans : utf8_spans(set)) {
            Spans rest;
            for (std::size_t i = 1; i < spans.size(); ++i) {
                rest.emplace_back(spans[i].first, spans[i].last);
            }
            const StateId target = tail(rest, tails);
            ++edges_;
            at(from).bytes.push_back({spans[0].first, spans[0].last, target});
        }
        return to;
    }

    // A node behind which the rest of a character is read; one for all characters with the same rest.
    StateId tail(const Spans& rest, std::map<Spans, StateId>& tails) {
        const auto known = tails.find(rest);
        if (known != tails.end()) {
            return known->second;
        }
        const StateId target = tail({rest.begin() + 1, rest.end()}, tails);
        const StateId here = node();
        ++edges_;
        at(here).bytes.push_back({rest[0].first, rest[0].second, target});
        tails.emplace(rest, here);
        return here;
    }

    StateId add_choice(const Expression& e, StateId from, RuleId origin) {
        const StateId to = node();
        for (const ExpressionId part : e.parts) {
            const StateId begin = node();
            move(from, begin);
            move(add(part, begin, origin), to);
        }
        return to;
    }

    StateId add_call(CallEdge call, StateId from) {
        ++edges_;
        call.target = node();
        at(from).calls.push_back(call);
        if (call.min == 0) {
            move(from, call.target);
        }
        return call.target;
    }

    StateId add_repeat(const Expression& e, StateId from, RuleId origin) {
        const ExpressionId part = e.parts[0];
        if (e.max == 0) {
            return from;
        }
        if (size(part) * std::max({e.min, e.max, 1}) > kUnrolledMax && std::max(e.min, e.max) > 1) {
            const RuleId repeated = new_rule(part, origin);
            return add_call({.rule = repeated, .min = e.min, .max = e.max}, from);
        }
        for (std::int32_t i = 0; i < e.min; ++i) {
            from = add(part, from, origin);
        }
        if (e.max < 0) {
            const StateId loop = node();
            move(from, loop);
            move(add(part, loop, origin), loop);
            const StateId to = node();
            move(loop, to);
            return to;
        }
        const StateId to = node();
        for (std::int32_t i = e.min; i < e.max; ++i) {
            move(from, to);
            from = add(part, from, origin);
        }
        move(from, to);
        return to;
    }

    const Grammar& grammar_;
    ThompsonGraph graph_;
    std::vector<ExpressionId> bodies_;  // By the graph's rule.
    std::vector<RuleId> rule_of_;       // By the grammar's rule.
    std::vector<std::int64_t> size_of_;
    std::size_t edges_ = 0;
};

}  // namespace

Result<ThompsonGraph> build_thompson(const Grammar& grammar) {
    return ThompsonBuilder(grammar).build();
}

}  // namespace capstan::engine
