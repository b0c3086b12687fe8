#include "security/room.h"

#include <utility>

#include "security/authenticator.h"
#include "security/key_routes.h"

namespace capstan::security {

Result<std::unique_ptr<Room>> Room::open(sql::Database& database) {
    auto keys = KeyService::open({.database = database, .next_id = new_id, .now_ms = system_now_ms});
    if (!keys) {
        return keys.error();
    }
    return std::unique_ptr<Room>(new Room(std::move(*keys)));
}

void Room::add_routes(http::Router& router) {
    router.authenticate_with(make_authenticator(*keys_));
    add_key_routes(router, *keys_);
}

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    return {
        {"key",
         "list",
         "List the project's keys",
         "GET",
         "/api/v1/keys",
         {},
         {{"ID", "id"},
          {"NAME", "name"},
          {"PRINCIPAL", "principal"},
          {"ROLE", "role"},
          {"PREFIX", "prefix"},
          {"LAST USED", "last_used_at"},
          {"REVOKED", "revoked_at"}}},
        {"key",
         "create",
         "Make a key; its secret is shown once",
         "POST",
         "/api/v1/keys",
         {{"name", "What the key is for", Place::kBody, Kind::kText, true},
          {"principal", "Who uses it; the key's name when left out", Place::kBody},
          {"role", "viewer, editor, operator or admin; viewer when left out", Place::kBody}},
         {}},
        {"key",
         "revoke",
         "Revoke a key, at once",
         "DELETE",
         "/api/v1/keys/{id}",
         {{"id", "The key's id", Place::kPath, Kind::kText, true}},
         {}},
        {"audit",
         "list",
         "List who did what",
         "GET",
         "/api/v1/audit",
         {},
         {{"AT", "at"},
          {"PRINCIPAL", "principal"},
          {"ACTION", "action"},
          {"SUBJECT", "subject"},
          {"OUTCOME", "outcome"}}},
        {"me", "show", "Show whose key this is and what it may do", "GET", "/api/v1/me", {}, {}},
    };
}

}  // namespace capstan::security
