#include "deployments/deployment_store.h"

#include <string>
#include <utility>

#include "platform/sql/statement.h"

namespace capstan::deployments {
namespace {

constexpr int kChangesShownMax = 50;
constexpr int kDeploymentsMax = 1000;

Deployment deployment_from(const sql::Row& row) {
    Deployment deployment;
    deployment.id = row.text("id");
    deployment.project_id = row.text("project_id");
    deployment.name = row.text("name");
    deployment.state = state_from(row.text("state"));
    deployment.created_ms = row.integer("created_ms");
    return deployment;
}

void fill(soci::session& session, Deployment& deployment) {
    deployment.targets = sql::select(
        session,
        "SELECT * FROM deployment_targets WHERE deployment_id = :id ORDER BY position",
        {{"id", deployment.id}},
        [](const sql::Row& row) {
            return Target{
                .id = row.text("id"),
                .label = row.text("label"),
                .version_id = row.text("version_id"),
                .model = row.text("model"),
                .number = row.integer("number"),
                .weight = row.integer("weight"),
                .replicas_min = row.integer("replicas_min"),
                .replicas_max = row.integer("replicas_max"),
                .quantize = parse_quantize(row.text("quantize")).value_or(Quantize::kNone),
            };
        }
    );
    deployment.decision = sql::find(
        session,
        "SELECT * FROM deployment_decisions WHERE deployment_id = :id ORDER BY id DESC LIMIT 1",
        {{"id", deployment.id}},
        [](const sql::Row& row) {
            return Decision{
                .id = row.text("id"),
                .outcome = parse_outcome(row.text("outcome")).value_or(Outcome::kKeep),
                .reason = row.text("reason"),
                .evidence = row.json("evidence"),
                .decided_ms = row.integer("decided_ms"),
                .decided_by = row.text("decided_by"),
            };
        }
    );
    deployment.history = sql::select(
        session,
        "SELECT at_ms, what, changed_by FROM deployment_changes WHERE deployment_id = :id ORDER BY id DESC "
        "LIMIT :rows_max",
        {{"id", deployment.id}, {"rows_max", kChangesShownMax}},
        [](const sql::Row& row) {
            return Change{row.integer("at_ms"), row.text("what"), row.text("changed_by")};
        }
    );
}

std::vector<Deployment> filled(soci::session& session, std::vector<Deployment> found) {
    for (Deployment& deployment : found) {
        fill(session, deployment);
    }
    return found;
}

}  // namespace

Result<void> insert_deployment(soci::session& session, const Deployment& deployment) {
    const auto inserted = sql::execute(
        session,
        "INSERT INTO deployments (id, project_id, name, state, created_ms) VALUES (:id, :project_id, :name, "
        ":state, "
        ":created_ms) ON CONFLICT (project_id, name) DO NOTHING",
        {{"id", deployment.id},
         {"project_id", deployment.project_id},
         {"name", deployment.name},
         {"state", name_of(deployment.state)},
         {"created_ms", deployment.created_ms}}
    );
    if (inserted == 0) {
        return Error{ErrorCode::kConflict, "deployment " + deployment.name + " already exists"};
    }
    for (std::size_t i = 0; i < deployment.targets.size(); ++i) {
        const Target& target = deployment.targets[i];
        sql::execute(
            session,
            "INSERT INTO deployment_targets (id, deployment_id, position, label, version_id, model, number, "
            "weight, replicas_min, replicas_max, quantize) "
            "VALUES (:id, :deployment_id, :position, :label, :version_id, :model, :number, :weight, "
            ":replicas_min, :replicas_max, :quantize)",
            {{"id", target.id},
             {"deployment_id", deployment.id},
             {"position", i},
             {"label", target.label},
             {"version_id", target.version_id},
             {"model", target.model},
             {"number", target.number},
             {"weight", target.weight},
             {"replicas_min", target.replicas_min},
             {"replicas_max", target.replicas_max},
             {"quantize", name_of(target.quantize)}}
        );
    }
    return {};
}

Result<Deployment> find_deployment(
    soci::session& session, std::string_view project_id, std::string_view name
) {
    auto deployment = sql::find(
        session,
        "SELECT * FROM deployments WHERE project_id = :project_id AND name = :name",
        {{"project_id", project_id}, {"name", name}},
        deployment_from
    );
    if (!deployment) {
        return Error{ErrorCode::kNotFound, "no deployment " + std::string(name)};
    }
    fill(session, *deployment);
    return std::move(*deployment);
}

std::vector<Deployment> list_deployments(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return filled(
        session,
        sql::select(
            session,
            "SELECT * FROM deployments WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
            "ORDER BY id DESC LIMIT :rows_max",
            {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
            deployment_from
        )
    );
}

std::vector<Deployment> list_all_deployments(soci::session& session) {
    return filled(
        session,
        sql::select(
            session,
            "SELECT * FROM deployments ORDER BY id LIMIT :rows_max",
            {{"rows_max", kDeploymentsMax}},
            deployment_from
        )
    );
}

void update_state(soci::session& session, std::string_view id, DeploymentState state) {
    sql::execute(
        session,
        "UPDATE deployments SET state = :state WHERE id = :id",
        {{"id", id}, {"state", name_of(state)}}
    );
}

void update_weight(soci::session& session, std::string_view target_id, std::int64_t weight) {
    sql::execute(
        session,
        "UPDATE deployment_targets SET weight = :weight WHERE id = :id",
        {{"id", target_id}, {"weight", weight}}
    );
}

void update_replicas(soci::session& session, const Target& target) {
    sql::execute(
        session,
        "UPDATE deployment_targets SET replicas_min = :replicas_min, replicas_max = :replicas_max WHERE id = "
        ":id",
        {{"id", target.id}, {"replicas_min", target.replicas_min}, {"replicas_max", target.replicas_max}}
    );
}

void update_version(soci::session& session, const Target& target) {
    sql::execute(
        session,
        "UPDATE deployment_targets SET version_id = :version_id, model = :model, number = :number, "
        "quantize = :quantize WHERE id = :id",
        {{"id", target.id},
         {"version_id", target.version_id},
         {"model", target.model},
         {"number", target.number},
         {"quantize", name_of(target.quantize)}}
    );
}

void insert_change(
    soci::session& session, std::string_view deployment_id, std::string_view id, const Change& change
) {
    sql::execute(
        session,
        "INSERT INTO deployment_changes (id, deployment_id, at_ms, what, changed_by) "
        "VALUES (:id, :deployment_id, :at_ms, :what, :changed_by)",
        {{"id", id},
         {"deployment_id", deployment_id},
         {"at_ms", change.at_ms},
         {"what", change.what},
         {"changed_by", change.changed_by}}
    );
}

void insert_decision(soci::session& session, std::string_view deployment_id, const Decision& decision) {
    sql::execute(
        session,
        "INSERT INTO deployment_decisions (id, deployment_id, outcome, reason, evidence, decided_ms, "
        "decided_by) "
        "VALUES (:id, :deployment_id, :outcome, :reason, :evidence, :decided_ms, :decided_by)",
        {{"id", decision.id},
         {"deployment_id", deployment_id},
         {"outcome", name_of(decision.outcome)},
         {"reason", decision.reason},
         {"evidence", decision.evidence},
         {"decided_ms", decision.decided_ms},
         {"decided_by", decision.decided_by}}
    );
}

}  // namespace capstan::deployments
