#pragma once

// The lineage room: the graph of what came from what. app/house.h builds it once.

#include <span>

#include "lineage/lineage_service.h"
#include "platform/http/router.h"
#include "platform/sql/database.h"
#include "platform/sql/migrations.h"

namespace capstan::lineage {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    explicit Room(sql::Database& database)  // Outlives the room.
        : lineage_({.database = database, .now_ms = system_now_ms}) {}

    void add_routes(http::Router& router);

    LineageService& lineage() { return lineage_; }

private:
    LineageService lineage_;
};

}  // namespace capstan::lineage
