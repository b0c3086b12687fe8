#include "data/room.h"

#include "data/dataset_routes.h"

namespace capstan::data {

void Room::add_routes(http::Router& router) {
    add_dataset_routes(router, datasets_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    return {
        {"dataset",
         "list",
         "List datasets with their latest commits",
         "GET",
         "/api/v1/datasets",
         {{"limit", "How many, 1 to 1000", Place::kQuery, Kind::kInteger}},
         {{"ID", "id"},
          {"NAME", "name"},
          {"KIND", "kind"},
          {"RECORDS", "latest_commit.records"},
          {"BYTES", "latest_commit.bytes"},
          {"COMMIT", "latest_commit.id"}}},
        {"dataset",
         "commits",
         "List the commits of a dataset",
         "GET",
         "/api/v1/datasets/{id}/commits",
         {{"id", "The dataset's id", Place::kPath, Kind::kText, true}},
         {{"ID", "id"},
          {"MESSAGE", "message"},
          {"RECORDS", "records"},
          {"BYTES", "bytes"},
          {"CREATED", "created_at"}}},
        {"dataset",
         "show",
         "Show a commit: its splits, recipe, and the report of what was dropped and why",
         "GET",
         "/api/v1/dataset-commits/{id}",
         {{"id", "The commit's id", Place::kPath, Kind::kText, true}},
         {}},
        {"dataset",
         "samples",
         "Print records of a commit",
         "GET",
         "/api/v1/dataset-commits/{id}/samples",
         {{"id", "The commit's id", Place::kPath, Kind::kText, true},
          {"split", "Which split; train when left out", Place::kQuery},
          {"offset", "From which record on", Place::kQuery, Kind::kInteger},
          {"limit", "How many, 1 to 200", Place::kQuery, Kind::kInteger}},
         {{"ID", "id"}, {"TEXT", "text"}, {"QUESTION", "question"}, {"ANSWER", "answer"}}},
    };
}

}  // namespace capstan::data
