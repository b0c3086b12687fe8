#pragma once

// The security room: keys, roles, the check of each request, and the audit log. app/house.h builds it once.

#include <memory>
#include <span>
#include <vector>

#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/sql/database.h"
#include "platform/sql/migrations.h"
#include "security/key_service.h"

namespace capstan::security {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    static Result<std::unique_ptr<Room>> open(sql::Database& database);  // Outlives the room.
    static std::vector<cli::Command> commands();

    // The routes of keys, the audit log and "who am I"; and the check in front of every route of `router`.
    void add_routes(http::Router& router);

    KeyService& keys() { return *keys_; }

private:
    explicit Room(std::unique_ptr<KeyService> keys) : keys_(std::move(keys)) {}

    std::unique_ptr<KeyService> keys_;
};

}  // namespace capstan::security
