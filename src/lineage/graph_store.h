#pragma once

// Rows of lineage_nodes and lineage_edges. SQL lives here and nowhere else in lineage.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lineage/graph.h"

namespace soci {
class session;
}

namespace capstan::lineage {

// A node that is there already gets the new label, link and detail.
void upsert_node(soci::session& session, std::string_view project_id, const Node& node, std::int64_t now_ms);
// An edge that is there already stays.
void insert_edge(soci::session& session, std::string_view project_id, const Edge& edge, std::int64_t now_ms);

std::optional<Node> find_node(soci::session& session, std::string_view project_id, std::string_view name);
std::vector<Edge> edges_up(
    soci::session& session, std::string_view project_id, std::string_view made, int rows_max
);
std::vector<Edge> edges_down(
    soci::session& session, std::string_view project_id, std::string_view made_from, int rows_max
);

}  // namespace capstan::lineage
