#pragma once

// The observability room: traces, spans and scores. app/house.h builds it once.

#include <span>
#include <vector>

#include "observability/trace_service.h"
#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/sql/migrations.h"

namespace capstan::observability {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    explicit Room(sql::Database& database)  // Outlives the room.
        : traces_({.database = database, .next_id = new_id, .now_ms = system_now_ms}) {}

    static std::vector<cli::Command> commands();
    void add_routes(http::Router& router);

    TraceService& traces() { return traces_; }

private:
    TraceService traces_;
};

}  // namespace capstan::observability
