#include "lineage/graph_store.h"

#include "platform/sql/statement.h"

namespace capstan::lineage {
namespace {

Edge edge_from(const sql::Row& row) {
    return {row.text("made"), row.text("made_from"), row.text("relation")};
}

}  // namespace

void upsert_node(soci::session& session, std::string_view project_id, const Node& node, std::int64_t now_ms) {
    sql::execute(
        session,
        "INSERT INTO lineage_nodes (project_id, node, kind, label, link, detail, created_ms) "
        "VALUES (:project_id, :node, :kind, :label, :link, :detail, :now_ms) ON CONFLICT (project_id, node) "
        "DO UPDATE SET label = excluded.label, link = excluded.link, detail = excluded.detail",
        {{"project_id", project_id},
         {"node", node.name},
         {"kind", kind_of(node.name)},
         {"label", node.label},
         {"link", node.link},
         {"detail", node.detail},
         {"now_ms", now_ms}}
    );
}

void insert_edge(soci::session& session, std::string_view project_id, const Edge& edge, std::int64_t now_ms) {
    sql::execute(
        session,
        "INSERT INTO lineage_edges (project_id, made, made_from, relation, created_ms) "
        "VALUES (:project_id, :made, :made_from, :relation, :now_ms) "
        "ON CONFLICT (project_id, made, made_from, relation) DO NOTHING",
        {{"project_id", project_id},
         {"made", edge.made},
         {"made_from", edge.made_from},
         {"relation", edge.relation},
         {"now_ms", now_ms}}
    );
}

std::optional<Node> find_node(soci::session& session, std::string_view project_id, std::string_view name) {
    return sql::find(
        session,
        "SELECT node, label, link, detail FROM lineage_nodes WHERE project_id = :project_id AND node = :node",
        {{"project_id", project_id}, {"node", name}},
        [](const sql::Row& row) {
            return Node{row.text("node"), row.text("label"), row.text("link"), row.json("detail")};
        }
    );
}

std::vector<Edge> edges_up(
    soci::session& session, std::string_view project_id, std::string_view made, int rows_max
) {
    return sql::select(
        session,
        "SELECT made, made_from, relation FROM lineage_edges WHERE project_id = :project_id AND made = :made "
        "ORDER BY made_from, relation LIMIT :rows_max",
        {{"project_id", project_id}, {"made", made}, {"rows_max", rows_max}},
        edge_from
    );
}

std::vector<Edge> edges_down(
    soci::session& session, std::string_view project_id, std::string_view made_from, int rows_max
) {
    return sql::select(
        session,
        "SELECT made, made_from, relation FROM lineage_edges WHERE project_id = :project_id AND made_from = "
        ":made_from "
        "ORDER BY made, relation LIMIT :rows_max",
        {{"project_id", project_id}, {"made_from", made_from}, {"rows_max", rows_max}},
        edge_from
    );
}

}  // namespace capstan::lineage
