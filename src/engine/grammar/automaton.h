#pragma once

// A grammar as a pushdown automaton over bytes: one finite automaton for each rule, without empty moves,
// whose edges read a byte or call a rule.
//
// A call never reads nothing: where a rule can be empty, its callers have a way around it. So a rule's start
// is never a place to return from, and a chain of calls without a byte between cannot come back to the rule
// it began in (left recursion is refused).

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/grammar/grammar.h"

namespace capstan::engine {

using StateId = std::int32_t;

struct ByteEdge {
    std::uint8_t first = 0;
    std::uint8_t last = 0;
    StateId target = 0;

    auto operator<=>(const ByteEdge&) const = default;
};

// Reads what `rule` is, `min` to `max` times one after another, and goes on at `target`.
struct CallEdge {
    RuleId rule = 0;
    std::int32_t min = 1;
    std::int32_t max = 1;  // -1: no limit.
    StateId target = 0;

    auto operator<=>(const CallEdge&) const = default;
};

struct AutomatonState {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    bool accepts = false;  // The rule may end here.

    // Nothing is left to do here but to return.
    bool is_end() const { return accepts && bytes.empty() && calls.empty(); }
};

struct Automaton {
    std::vector<AutomatonState> states;
    std::vector<StateId> starts;  // By rule.
    RuleId root = 0;
    bool root_may_be_empty = false;
    // Bytes that every edge treats alike have one class; classes are 0 to class_count - 1.
    std::array<std::uint8_t, 256> byte_class{};
    int class_count = 0;
};

inline constexpr std::size_t kAutomatonEdgesMax = 2'000'000;

// Everything in the result can be part of a whole answer. kInvalid, naming the rule, for left recursion, and
// for a grammar that no text matches; kTooLarge over kAutomatonEdgesMax.
Result<Automaton> build_automaton(const Grammar& grammar);

}  // namespace capstan::engine
