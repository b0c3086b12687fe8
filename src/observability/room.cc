#include "observability/room.h"

#include "observability/trace_routes.h"

namespace capstan::observability {

void Room::add_routes(http::Router& router) {
    add_trace_routes(router, traces_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    return {
        {"trace",
         "list",
         "List traces, newest first",
         "GET",
         "/api/v1/traces",
         {{"deployment", "Only of this deployment", Place::kQuery},
          {"target", "Only answered by the target of this label", Place::kQuery},
          {"status", "ok, error or cancelled", Place::kQuery},
          {"q", "Only with this text in input or output", Place::kQuery},
          {"limit", "How many, 1 to 1000", Place::kQuery, Kind::kInteger}},
         {{"ID", "id"},
          {"STARTED", "started_at"},
          {"TARGET", "target"},
          {"STATUS", "status"},
          {"TTFT MS", "ttft_ms"},
          {"TOKENS", "completion_tokens"},
          {"USD", "cost_usd"},
          {"INPUT", "input_preview"}}},
        {"trace",
         "show",
         "Show a trace with its spans and scores",
         "GET",
         "/api/v1/traces/{id}",
         {{"id", "The response's id", Place::kPath, Kind::kText, true}},
         {}},
        {"feedback",
         "give",
         "Score an answer",
         "POST",
         "/api/v1/feedback",
         {{"response_id", "The response's id", Place::kBody, Kind::kText, true},
          {"name", "The score's name, such as helpful", Place::kBody, Kind::kText, true},
          {"value", "JSON: a number, true, false, or a text in quotes", Place::kBody, Kind::kJson, true},
          {"comment", "Why", Place::kBody}},
         {}},
    };
}

}  // namespace capstan::observability
