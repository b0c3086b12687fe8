#include "engine/grammar/automaton.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/grammar/thompson.h"

namespace capstan::engine {
namespace {

std::size_t index_of(std::int32_t id) {
    return static_cast<std::size_t>(id);
}

// Which nodes have a way to the end of their rule: of any text, or of no text at all. Cost: linear.
class ReachesEnd {
public:
    enum class Text { kAny, kEmpty };

    ReachesEnd(const ThompsonGraph& graph, Text text)
        : before_(graph.nodes.size()), holds_(graph.nodes.size()) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            const auto from = static_cast<StateId>(i);
            for (const StateId to : graph.nodes[i].moves) {
                before_[index_of(to)].push_back({from, -1});
            }
            for (const CallEdge& call : graph.nodes[i].calls) {
                const StateId callee = graph.rules[index_of(call.rule)].start;
                before_[index_of(call.target)].push_back({from, callee});
                before_[index_of(callee)].push_back({from, call.target});
            }
            for (const ByteEdge& edge : graph.nodes[i].bytes) {
                if (text == Text::kAny) {
                    before_[index_of(edge.target)].push_back({from, -1});
                }
            }
        }
        std::vector<StateId> work;
        for (const ThompsonRule& rule : graph.rules) {
            mark(rule.end, work);
        }
        while (!work.empty()) {
            const StateId node = work.back();
            work.pop_back();
            for (const Before& before : before_[index_of(node)]) {
                if (before.and_also < 0 || holds_[index_of(before.and_also)]) {
                    mark(before.node, work);
                }
            }
        }
    }

    bool operator()(StateId node) const { return holds_[index_of(node)]; }

private:
    // `node` has a way when the node of this entry has one and, for calls, the other one too.
    struct Before {
        StateId node;
        StateId and_also;
    };

    void mark(StateId node, std::vector<StateId>& work) {
        if (!holds_[index_of(node)]) {
            holds_[index_of(node)] = true;
            work.push_back(node);
        }
    }

    std::vector<std::vector<Before>> before_;
    std::vector<bool> holds_;
};

// Takes the empty moves out.
class Eliminator {
public:
    explicit Eliminator(const ThompsonGraph& graph)
        : graph_(graph),
          productive_(graph, ReachesEnd::Text::kAny),
          empty_(graph, ReachesEnd::Text::kEmpty),
          state_of_(graph.nodes.size(), -1),
          seen_(graph.nodes.size(), 0),
          end_of_(graph.nodes.size(), false) {
        for (const ThompsonRule& rule : graph.rules) {
            end_of_[index_of(rule.end)] = true;
        }
    }

    Result<Automaton> run() {
        automaton_.root_may_be_empty = empty_(graph_.rules[0].start);
        if (!productive_(graph_.rules[0].start)) {
            return Error{ErrorCode::kInvalid, "no text at all matches: a rule never comes to an end"};
        }
        // A rule's start has a state of its own, also where a loop comes back to it.
        for (const ThompsonRule& rule : graph_.rules) {
            automaton_.starts.push_back(new_state(rule.start));
        }
        const std::size_t starts = work_.size();
        for (std::size_t next = 0; next < work_.size(); ++next) {
            fill(static_cast<StateId>(next), work_[next]);
            if (next < starts) {
                automaton_.states[next].accepts = false;
            }
            if (edges_ > kAutomatonEdgesMax) {
                return Error{
                    ErrorCode::kTooLarge,
                    fmt::format("the grammar needs more than {} edges: make it smaller", kAutomatonEdgesMax)
                };
            }
        }
        return std::move(automaton_);
    }

private:
    StateId new_state(StateId node) {
        automaton_.states.emplace_back();
        work_.push_back(node);
        return static_cast<StateId>(work_.size() - 1);
    }

    StateId state(StateId node) {
        StateId& known = state_of_[index_of(node)];
        if (known < 0) {
            known = new_state(node);
        }
        return known;
    }

    bool is_empty_call(const CallEdge& call) const {
        return call.min == 0 || empty_(graph_.rules[index_of(call.rule)].start);
    }

    void fill(StateId to, StateId node) {
        AutomatonState filled;
        ++pass_;
        std::vector<StateId> closure = {node};
        seen_[index_of(node)] = pass_;
        const auto reach = [&](StateId next) {
            if (seen_[index_of(next)] != pass_) {
                seen_[index_of(next)] = pass_;
                closure.push_back(next);
            }
        };
        for (std::size_t i = 0; i < closure.size(); ++i) {
            const ThompsonNode& from = graph_.nodes[index_of(closure[i])];
            filled.accepts = filled.accepts || end_of_[index_of(closure[i])];
            std::ranges::for_each(from.moves, reach);
            for (const ByteEdge& edge : from.bytes) {
                if (productive_(edge.target)) {
                    filled.bytes.push_back({edge.first, edge.last, state(edge.target)});
                }
            }
            for (const CallEdge& call : from.calls) {
                const StateId callee = graph_.rules[index_of(call.rule)].start;
                if (productive_(callee) && productive_(call.target)) {
                    filled.calls.push_back(
                        {call.rule, is_empty_call(call) ? 1 : call.min, call.max, state(call.target)}
                    );
                }
                if (is_empty_call(call)) {
                    reach(call.target);
                }
            }
        }
        edges_ += filled.bytes.size() + filled.calls.size() + closure.size() / 8;
        std::ranges::sort(filled.bytes);
        std::ranges::sort(filled.calls);
        filled.bytes.erase(std::ranges::unique(filled.bytes).begin(), filled.bytes.end());
        filled.calls.erase(std::ranges::unique(filled.calls).begin(), filled.calls.end());
        automaton_.states[index_of(to)] = std::move(filled);
    }

    const ThompsonGraph& graph_;
    ReachesEnd productive_;
    ReachesEnd empty_;
    Automaton automaton_;
    std::vector<StateId> state_of_;   // By node; the starts' own states are not among them.
    std::vector<StateId> work_;       // By state: its node.
    std::vector<std::int64_t> seen_;  // By node: the last pass that reached it.
    std::vector<bool> end_of_;
    std::int64_t pass_ = 0;
    std::size_t edges_ = 0;
};

// The first rule that calls itself before it reads a byte, or -1.
RuleId left_recursive(const Automaton& automaton) {
    enum class Mark : std::uint8_t { kNew, kOpen, kDone };
    std::vector<Mark> marks(automaton.starts.size(), Mark::kNew);
    std::vector<std::pair<RuleId, std::size_t>> path;
    for (std::size_t root = 0; root < marks.size(); ++root) {
        if (marks[root] != Mark::kNew) {
            continue;
        }
        path.emplace_back(static_cast<RuleId>(root), 0);
        marks[root] = Mark::kOpen;
        while (!path.empty()) {
            auto& [rule, next] = path.back();
            const auto& calls = automaton.states[index_of(automaton.starts[index_of(rule)])].calls;
            if (next == calls.size()) {
                marks[index_of(rule)] = Mark::kDone;
                path.pop_back();
                continue;
            }
            const RuleId callee = calls[next++].rule;
            if (marks[index_of(callee)] == Mark::kOpen) {
                return callee;
            }
            if (marks[index_of(callee)] == Mark::kNew) {
                marks[index_of(callee)] = Mark::kOpen;
                path.emplace_back(callee, 0);
            }
        }
    }
    return -1;
}

void classify_bytes(Automaton& automaton) {
    std::array<bool, 257> begins{};
    begins[0] = true;
    for (const AutomatonState& state : automaton.states) {
        for (const ByteEdge& edge : state.bytes) {
            begins[edge.first] = true;
            begins[std::size_t{edge.last} + 1] = true;
        }
    }
    int current = -1;
    for (std::size_t byte = 0; byte < 256; ++byte) {
        current += begins[byte] ? 1 : 0;
        automaton.byte_class[byte] = static_cast<std::uint8_t>(current);
    }
    automaton.class_count = current + 1;
}

}  // namespace

Result<Automaton> build_automaton(const Grammar& grammar) {
    const auto graph = build_thompson(grammar);
    if (!graph) {
        return graph.error();
    }
    auto automaton = Eliminator(*graph).run();
    if (!automaton) {
        return automaton;
    }
    if (const RuleId rule = left_recursive(*automaton); rule >= 0) {
        const RuleId origin = graph->rules[index_of(rule)].origin;
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "rule '{}' begins with itself (left recursion): write what repeats as a repetition",
                grammar.rules[index_of(origin)].name
            )
        };
    }
    classify_bytes(*automaton);
    return automaton;
}

}  // namespace capstan::engine
