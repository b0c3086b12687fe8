#include "tracking/room.h"

#include "tracking/run_routes.h"

namespace capstan::tracking {

void Room::add_routes(http::Router& router) {
    add_run_routes(router, runs_, jobs_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    const cli::Parameter id{"id", "The run's id", Place::kPath, Kind::kText, true};
    return {
        {"run",
         "list",
         "List runs, newest first",
         "GET",
         "/api/v1/runs",
         {{"kind", "Only runs of this kind, such as pretrain", Place::kQuery},
          {"limit", "How many, 1 to 1000", Place::kQuery, Kind::kInteger}},
         {{"ID", "id"}, {"NAME", "name"}, {"KIND", "kind"}, {"STATUS", "status"}, {"CREATED", "created_at"}}},
        {"run",
         "show",
         "Show a run: parameters, last metrics, artifacts",
         "GET",
         "/api/v1/runs/{id}",
         {id},
         {}},
        {"run",
         "metric",
         "Print the points of one metric",
         "GET",
         "/api/v1/runs/{id}/metrics/{name}",
         {id,
          {"name", "The metric, such as loss", Place::kPath, Kind::kText, true},
          {"points_max", "How many points at most, 2 to 10000", Place::kQuery, Kind::kInteger}},
         {}},
        {"experiment",
         "list",
         "List experiments",
         "GET",
         "/api/v1/experiments",
         {},
         {{"ID", "id"}, {"NAME", "name"}, {"CREATED", "created_at"}}},
    };
}

}  // namespace capstan::tracking
