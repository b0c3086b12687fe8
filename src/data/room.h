#pragma once

// The data room: datasets, their commits and records. app/house.h builds it once.

#include <span>
#include <vector>

#include "data/dataset_service.h"
#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/sql/migrations.h"

namespace capstan::data {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    Room(sql::Database& database, objects::ObjectStore& objects)  // Both outlive the room.
        : datasets_({.database = database, .objects = objects, .next_id = new_id, .now_ms = system_now_ms}) {}

    static std::vector<cli::Command> commands();
    void add_routes(http::Router& router);

    DatasetService& datasets() { return datasets_; }

private:
    DatasetService datasets_;
};

}  // namespace capstan::data
