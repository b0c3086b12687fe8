#pragma once

// The registry room: models, versions, aliases, adapters and tokenizers. app/house.h builds it once.

#include <span>
#include <vector>

#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/sql/migrations.h"
#include "registry/model_service.h"

namespace capstan::registry {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    explicit Room(sql::Database& database)  // Outlives the room.
        : models_({.database = database, .next_id = new_id, .now_ms = system_now_ms}) {}

    static std::vector<cli::Command> commands();
    void add_routes(http::Router& router);

    ModelService& models() { return models_; }

private:
    ModelService models_;
};

}  // namespace capstan::registry
