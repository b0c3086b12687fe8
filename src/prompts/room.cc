#include "prompts/room.h"

#include "prompts/prompt_routes.h"

namespace capstan::prompts {

void Room::add_routes(http::Router& router) {
    add_prompt_routes(router, prompts_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    const cli::Parameter name{"name", "The prompt's name", Place::kPath, Kind::kText, true};
    return {
        {"prompt",
         "list",
         "List prompts",
         "GET",
         "/api/v1/prompts",
         {},
         {{"ID", "id"}, {"NAME", "name"}, {"CREATED", "created_at"}}},
        {"prompt",
         "show",
         "Show a prompt with its versions and labels",
         "GET",
         "/api/v1/prompts/{name}",
         {name},
         {}},
        {"prompt",
         "add",
         "Add a version to a prompt, which is made when it is new",
         "POST",
         "/api/v1/prompts",
         {{"name", "The prompt's name", Place::kBody, Kind::kText, true},
          {"template",
           "JSON: a text in quotes or a list of messages; @FILE reads it from a file",
           Place::kBody,
           Kind::kJson,
           true},
          {"message", "Why", Place::kBody}},
         {}},
        {"prompt",
         "label",
         "Point a label at a version",
         "PUT",
         "/api/v1/prompts/{name}/labels/{label}",
         {name,
          {"label", "The label, such as production", Place::kPath, Kind::kText, true},
          {"number", "The version's number", Place::kBody, Kind::kInteger, true}},
         {}},
    };
}

}  // namespace capstan::prompts
