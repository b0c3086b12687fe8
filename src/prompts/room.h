#pragma once

// The prompts room: prompts, their versions and labels. app/house.h builds it once.

#include <span>
#include <vector>

#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/sql/migrations.h"
#include "prompts/prompt_service.h"

namespace capstan::prompts {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    explicit Room(sql::Database& database)  // Outlives the room.
        : prompts_({.database = database, .next_id = new_id, .now_ms = system_now_ms}) {}

    static std::vector<cli::Command> commands();
    void add_routes(http::Router& router);

    PromptService& prompts() { return prompts_; }

private:
    PromptService prompts_;
};

}  // namespace capstan::prompts
