#pragma once

// The deployments room: names that callers use as `model`, their targets, splits and decisions. Its routes,
// which show replicas and measurements beside the records, are in app/deployment_routes.h. app/house.h builds
// it once.

#include <span>

#include "deployments/deployment_service.h"
#include "platform/sql/migrations.h"

namespace capstan::deployments {

std::span<const sql::Migration> migrations();  // Generated from migrations/*.sql.

class Room {
public:
    explicit Room(sql::Database& database)  // Outlives the room.
        : deployments_({.database = database, .next_id = new_id, .now_ms = system_now_ms}) {}

    DeploymentService& deployments() { return deployments_; }

private:
    DeploymentService deployments_;
};

}  // namespace capstan::deployments
