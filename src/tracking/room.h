#pragma once

// The tracking room: runs, their metrics and artifacts. app/house.h builds it once.

#include <span>
#include <vector>

#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/jobs/job_service.h"
#include "platform/sql/database.h"
#include "platform/sql/migrations.h"
#include "tracking/run_service.h"

namespace capstan::tracking {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    // Both outlive the room.
    Room(sql::Database& database, jobs::JobService& jobs)
        : jobs_(jobs), runs_({.database = database, .next_id = new_id, .now_ms = system_now_ms}) {}

    static std::vector<cli::Command> commands();
    void add_routes(http::Router& router);

    RunService& runs() { return runs_; }

private:
    jobs::JobService& jobs_;
    RunService runs_;
};

}  // namespace capstan::tracking
