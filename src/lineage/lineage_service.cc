#include "lineage/lineage_service.h"

#include <deque>
#include <set>
#include <tuple>

#include "lineage/graph_store.h"

namespace capstan::lineage {
namespace {

constexpr std::size_t kNodesMax = 2000;
constexpr int kEdgesPerNodeMax = 200;
constexpr int kDepthMax = 32;

// A graph that grows without repeating itself.
class Builder {
public:
    explicit Builder(std::string root) { graph_.root = std::move(root); }

    bool is_full() const { return graph_.nodes.size() >= kNodesMax; }

    void cut() { graph_.is_cut = true; }

    void put(const Node& node) {
        if (named_.insert(node.name).second) {
            graph_.nodes.push_back(node);
        }
    }

    void put(const Edge& edge) {
        if (edges_.emplace(edge.made, edge.made_from, edge.relation).second) {
            graph_.edges.push_back(edge);
        }
    }

    // Gives nodes that only edges mention a place in the list.
    Graph take() && {
        for (const Edge& edge : graph_.edges) {
            for (const auto& name : {edge.made, edge.made_from}) {
                if (named_.insert(name).second) {
                    graph_.nodes.push_back({.name = name, .label = std::string(id_of(name)), .link = ""});
                }
            }
        }
        return std::move(graph_);
    }

private:
    Graph graph_;
    std::set<std::string, std::less<>> named_;
    std::set<std::tuple<std::string, std::string, std::string>> edges_;
};

// The other end of an edge when it leads in the wanted direction from `name`; empty otherwise.
std::string next_of(const Edge& edge, std::string_view name, Direction direction) {
    if (direction != Direction::kDown && edge.made == name) {
        return edge.made_from;
    }
    if (direction != Direction::kUp && edge.made_from == name) {
        return edge.made;
    }
    return {};
}

}  // namespace

void LineageService::add_in(soci::session& session, std::string_view project_id, const Graph& part) {
    const std::int64_t now_ms = inputs_.now_ms();
    for (const Node& node : part.nodes) {
        upsert_node(session, project_id, node, now_ms);
    }
    for (const Edge& edge : part.edges) {
        insert_edge(session, project_id, edge, now_ms);
    }
}

Result<void> LineageService::add(std::string_view project_id, const Graph& part) {
    return inputs_.database.transact([&](soci::session& session) -> Result<void> {
        add_in(session, project_id, part);
        return {};
    });
}

Result<Expansion> LineageService::expand(
    std::string_view project_id, const std::string& name, Direction direction
) {
    auto found = inputs_.database.read([&](soci::session& session) -> Result<Expansion> {
        Expansion expansion;
        if (auto node = find_node(session, project_id, name)) {
            expansion.nodes.push_back(std::move(*node));
        }
        if (direction != Direction::kDown) {
            expansion.edges = edges_up(session, project_id, name, kEdgesPerNodeMax);
        }
        if (direction != Direction::kUp) {
            const auto down = edges_down(session, project_id, name, kEdgesPerNodeMax);
            expansion.edges.insert(expansion.edges.end(), down.begin(), down.end());
        }
        return expansion;
    });
    const auto expander = expanders_.find(kind_of(name));
    if (!found || expander == expanders_.end()) {
        return found;
    }
    auto more = expander->second(project_id, name);
    if (!more && more.error().code != ErrorCode::kNotFound) {
        return more;
    }
    if (more) {
        found->nodes.insert(found->nodes.end(), more->nodes.begin(), more->nodes.end());
        found->edges.insert(found->edges.end(), more->edges.begin(), more->edges.end());
    }
    return found;
}

Result<Graph> LineageService::walk(std::string_view project_id, const Walk& asked) {
    if (auto checked = check_node_name(asked.root); !checked) {
        return checked.error();
    }
    if (asked.depth_max < 1 || asked.depth_max > kDepthMax) {
        return Error{ErrorCode::kInvalid, "'depth' must be from 1 to 32"};
    }
    Builder builder(asked.root);
    std::deque<std::pair<std::string, int>> open = {{asked.root, 0}};
    std::set<std::string, std::less<>> seen = {asked.root};
    while (!open.empty()) {
        const auto [name, depth] = open.front();
        open.pop_front();
        auto expansion = expand(project_id, name, asked.direction);
        if (!expansion) {
            return expansion.error();
        }
        if (name == asked.root && expansion->nodes.empty() && expansion->edges.empty()) {
            return Error{ErrorCode::kNotFound, "nothing is known of " + name};
        }
        for (const Node& node : expansion->nodes) {
            builder.put(node);
        }
        for (const Edge& edge : expansion->edges) {
            const std::string next = next_of(edge, name, asked.direction);
            if (next.empty()) {
                // An expander may tell of more than one step; all of its steps lead up.
                const bool is_further = edge.made != name && edge.made_from != name;
                if (is_further && asked.direction != Direction::kDown && depth + 1 < asked.depth_max) {
                    builder.put(edge);
                }
                continue;
            }
            if (depth >= asked.depth_max || builder.is_full()) {
                builder.cut();
                continue;
            }
            builder.put(edge);
            if (seen.insert(next).second) {
                open.emplace_back(next, depth + 1);
            }
        }
    }
    return std::move(builder).take();
}

}  // namespace capstan::lineage
