#pragma once

// Writing the graph, and walking it from any node, up to what it came from or down to what came of it.
//
// Not every node is a row: there are as many responses as calls, and as many records as documents. For such
// kinds `app` gives an expander that finds node and edges where they are kept.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "lineage/graph.h"
#include "platform/sql/database.h"

namespace capstan::lineage {

enum class Direction { kUp, kDown, kBoth };

struct Walk {
    std::string root;
    Direction direction = Direction::kUp;
    int depth_max = 8;  // 1 to 32 steps.
};

// What an expander knows of one node: the node itself and the edges that end or begin at it, with the nodes
// at their other ends when those have no rows.
struct Expansion {
    std::vector<Node> nodes;
    std::vector<Edge> edges;
};

// kNotFound when there is no such node.
using Expander = std::function<Result<Expansion>(std::string_view project_id, std::string_view node_name)>;

// Thread-safe once all expanders are set. Blocking.
class LineageService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        ClockMs now_ms;
    };

    explicit LineageService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // For nodes of this kind, besides the rows. Before the first walk.
    void expand_with(std::string kind, Expander expander) {
        expanders_[std::move(kind)] = std::move(expander);
    }

    // Inside the caller's transaction. A node that is there already gets the new label, link and detail.
    void add_in(soci::session& session, std::string_view project_id, const Graph& part);
    Result<void> add(std::string_view project_id, const Graph& part);

    // Breadth first. At most 2,000 nodes and 200 edges a node and direction; is_cut says when there is more.
    // kNotFound when the root is unknown.
    Result<Graph> walk(std::string_view project_id, const Walk& asked);

private:
    Result<Expansion> expand(std::string_view project_id, const std::string& name, Direction direction);

    Inputs inputs_;
    std::map<std::string, Expander, std::less<>> expanders_;
};

}  // namespace capstan::lineage
