#include "registry/room.h"

#include "registry/model_routes.h"

namespace capstan::registry {

void Room::add_routes(http::Router& router) {
    add_model_routes(router, models_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    const cli::Parameter name{"name", "The model's name", Place::kPath, Kind::kText, true};
    return {
        {"model",
         "list",
         "List models with their latest versions",
         "GET",
         "/api/v1/models",
         {},
         {{"NAME", "name"},
          {"LATEST", "latest_version.number"},
          {"KIND", "latest_version.kind"},
          {"STATUS", "latest_version.status"},
          {"ALIASES", "aliases"}}},
        {"model",
         "versions",
         "List the versions of a model",
         "GET",
         "/api/v1/models/{name}/versions",
         {name},
         {{"NUMBER", "number"},
          {"ID", "id"},
          {"KIND", "kind"},
          {"STATUS", "status"},
          {"SCORES", "scores"},
          {"CREATED", "created_at"}}},
        {"model",
         "show",
         "Show a version: files, scores, where it came from",
         "GET",
         "/api/v1/models/{name}/versions/{number}",
         {name, {"number", "The version's number", Place::kPath, Kind::kInteger, true}},
         {}},
        {"model",
         "alias",
         "Point an alias at a version",
         "PUT",
         "/api/v1/models/{name}/aliases/{alias}",
         {name,
          {"alias", "The alias, such as champion", Place::kPath, Kind::kText, true},
          {"number", "The version's number", Place::kBody, Kind::kInteger, true}},
         {}},
        {"tokenizer",
         "list",
         "List tokenizers",
         "GET",
         "/api/v1/tokenizers",
         {},
         {{"ID", "id"}, {"NAME", "name"}, {"VOCABULARY", "vocabulary_size"}, {"CREATED", "created_at"}}},
    };
}

}  // namespace capstan::registry
