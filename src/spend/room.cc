#include "spend/room.h"

#include "spend/spend_routes.h"

namespace capstan::spend {

Result<std::unique_ptr<Room>> Room::open(sql::Database& database) {
    auto spend = SpendService::open({.database = database, .now_ms = system_now_ms});
    if (!spend) {
        return spend.error();
    }
    return std::unique_ptr<Room>(new Room(std::move(*spend)));
}

void Room::add_routes(http::Router& router) {
    add_spend_routes(router, *spend_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    return {
        {"spend",
         "summary",
         "What was spent, by deployment and by key",
         "GET",
         "/api/v1/spend/summary",
         {{"days", "Over how many days; 30 when left out", Place::kQuery, Kind::kInteger}},
         {}},
        {"price",
         "list",
         "List prices",
         "GET",
         "/api/v1/spend/prices",
         {},
         {{"MODEL", "model"},
          {"PROMPT USD/M", "prompt_usd_per_million"},
          {"COMPLETION USD/M", "completion_usd_per_million"}}},
        {"price",
         "set",
         "Set the price of a model; '*' is for all without one",
         "PUT",
         "/api/v1/spend/prices/{model}",
         {{"model", "The model's name", Place::kPath, Kind::kText, true},
          {"prompt_usd_per_million", "USD a million prompt tokens", Place::kBody, Kind::kReal, true},
          {"completion_usd_per_million", "USD a million completion tokens", Place::kBody, Kind::kReal, true}},
         {}},
    };
}

}  // namespace capstan::spend
