#pragma once

// The spend room: prices and the ledger. app/house.h builds it once.

#include <memory>
#include <span>
#include <vector>

#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/sql/migrations.h"
#include "spend/spend_service.h"

namespace capstan::spend {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    static Result<std::unique_ptr<Room>> open(sql::Database& database);  // Outlives the room.
    static std::vector<cli::Command> commands();
    void add_routes(http::Router& router);

    SpendService& spend() { return *spend_; }

private:
    explicit Room(std::unique_ptr<SpendService> spend) : spend_(std::move(spend)) {}

    std::unique_ptr<SpendService> spend_;
};

}  // namespace capstan::spend
