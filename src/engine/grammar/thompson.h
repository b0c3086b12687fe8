#pragma once

// The first step from a grammar to its automaton: nodes with empty moves, made by structure (Thompson 1968).

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/grammar/automaton.h"

namespace capstan::engine {

struct ThompsonNode {
    std::vector<StateId> moves;  // Without reading anything.
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
};

struct ThompsonRule {
    StateId start = 0;
    StateId end = 0;
    RuleId origin = 0;  // The grammar's rule that this is, or is a repeated part of.
};

struct ThompsonGraph {
    std::vector<ThompsonNode> nodes;
    std::vector<ThompsonRule> rules;  // Those of the grammar that the root needs, in another order; the first
                                      // is the root. Then parts that repeat many times.
};

// kTooLarge over kAutomatonEdgesMax.
Result<ThompsonGraph> build_thompson(const Grammar& grammar);

}  // namespace capstan::engine
