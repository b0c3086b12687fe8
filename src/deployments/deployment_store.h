#pragma once

// Rows of deployments, their targets, changes and decisions. SQL lives here and nowhere else in deployments.

#include <optional>
#include <string_view>
#include <vector>

#include "deployments/deployment.h"

namespace soci {
class session;
}

namespace capstan::deployments {

Result<void> insert_deployment(
    soci::session& session, const Deployment& deployment
);  // kConflict for a name that is taken.
// Whole: with targets, the last decision and the last changes.
Result<Deployment> find_deployment(
    soci::session& session, std::string_view project_id, std::string_view name
);
std::vector<Deployment> list_deployments(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);
std::vector<Deployment> list_all_deployments(soci::session& session);

void update_state(soci::session& session, std::string_view id, DeploymentState state);
void update_weight(soci::session& session, std::string_view target_id, std::int64_t weight);
void update_replicas(soci::session& session, const Target& target);  // replicas_min and replicas_max.
void update_version(soci::session& session, const Target& target);  // version_id, model, number and quantize.
void insert_change(
    soci::session& session, std::string_view deployment_id, std::string_view id, const Change& change
);
void insert_decision(soci::session& session, std::string_view deployment_id, const Decision& decision);

}  // namespace capstan::deployments
