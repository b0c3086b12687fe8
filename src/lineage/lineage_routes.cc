#include "lineage/lineage_routes.h"

#include "platform/http/json_reply.h"

namespace capstan::lineage {
namespace {

Json graph_json(const Graph& graph) {
    Json nodes = Json::array();
    for (const Node& node : graph.nodes) {
        nodes.push(Json::object(
            {{"id", node.name},
             {"kind", kind_of(node.name)},
             {"label", node.label},
             {"link", node.link.empty() ? Json() : Json(node.link)},
             {"detail", node.detail}}
        ));
    }
    Json edges = Json::array();
    for (const Edge& edge : graph.edges) {
        edges.push(Json::object({{"from", edge.made}, {"to", edge.made_from}, {"relation", edge.relation}}));
    }
    return Json::object(
        {{"root", graph.root},
         {"nodes", std::move(nodes)},
         {"edges", std::move(edges)},
         {"is_cut", graph.is_cut}}
    );
}

Result<Direction> parse_direction(std::string_view text) {
    if (text.empty() || text == "up") {
        return Direction::kUp;
    }
    if (text == "down") {
        return Direction::kDown;
    }
    if (text == "both") {
        return Direction::kBoth;
    }
    return Error{ErrorCode::kInvalid, "'direction' must be up, down or both"};
}

Result<Walk> read_walk(const http::Request& request) {
    const auto direction = parse_direction(request.query.get("direction"));
    if (!direction) {
        return direction.error();
    }
    const auto depth = request.query.get_int("depth", 8);
    if (!depth) {
        return depth.error();
    }
    const auto bounded = std::max<std::int64_t>(0, std::min<std::int64_t>(*depth, 1000));
    return Walk{
        .root = request.param("node"), .direction = *direction, .depth_max = static_cast<int>(bounded)
    };
}

}  // namespace

void add_lineage_routes(http::Router& router, LineageService& lineage) {
    router.get("/api/v1/lineage/{node...}", "lineage.read", [&lineage](const http::Request& request) {
        const auto asked = read_walk(request);
        if (!asked) {
            return http::reply(asked.error());
        }
        const auto graph = lineage.walk(request.principal.project_id, *asked);
        return graph ? http::reply(graph_json(*graph)) : http::reply(graph.error());
    });
}

}  // namespace capstan::lineage
