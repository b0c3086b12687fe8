#include "app/all_routes.h"

#include "app/deployment_routes.h"
#include "app/job_routes.h"
#include "app/loop_routes.h"
#include "app/version.h"
#include "base/clock.h"
#include "platform/http/json_reply.h"
#include "security/change_audit.h"

namespace capstan::app {
namespace {

void add_version_route(House& house) {
    const std::string started_at = rfc3339(system_now_ms());
    house.router().get("/api/v1/version", "self.read", [started_at](const http::Request&) {
        return http::reply(
            Json::object({{"version", kVersion}, {"commit", kCommit}, {"started_at", started_at}})
        );
    });
}

}  // namespace

void add_all_routes(House& house, const DeploymentKeeper& keeper, const jobs::JobFolders& folders) {
    house.add_room_routes();
    add_deployment_routes(house, keeper);
    add_job_routes(house.router(), house.jobs(), folders);
    add_loop_routes(house);
    add_version_route(house);
    security::audit_changes(house.router(), house.security().keys());
}

}  // namespace capstan::app
