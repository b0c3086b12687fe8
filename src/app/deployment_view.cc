#include "app/deployment_view.h"

#include "metrics/bootstrap.h"

namespace capstan::app {
namespace {

using deployments::Deployment;

constexpr double kUsdPerNanoUsd = 1e-9;
constexpr std::size_t kResamples = 500;  // For the interval of a mean on a page.

// The states that the page knows; the supervisor's own is finer.
std::string_view page_state(const serving::ReplicaStatus& replica) {
    if (replica.is_healthy) {
        return "ready";
    }
    if (replica.state == "starting" || replica.state == "backing_off") {
        return "starting";
    }
    return replica.state == "unhealthy" ? "unhealthy" : "stopped";
}

Json replicas_json(const std::vector<serving::ReplicaStatus>& replicas, std::string_view target_id) {
    Json json = Json::array();
    for (const serving::ReplicaStatus& replica : replicas) {
        if (replica.target_id == target_id) {
            json.push(Json::object(
                {{"address", replica.url},
                 {"version_id", replica.version_id},
                 {"quantize", replica.quantize.empty() ? "none" : replica.quantize},
                 {"running", replica.load.running},
                 {"waiting", replica.load.waiting},
                 {"state", page_state(replica)},
                 {"pid", replica.pid},
                 {"restarts", replica.restarts},
                 {"reason", replica.reason}}
            ));
        }
    }
    return json;
}

Json stats_json(const observability::TargetStats& stats) {
    return Json::object(
        {{"requests", stats.requests},
         {"errors", stats.errors},
         {"ttft_ms_p50", stats.first_token_ms_p50},
         {"ttft_ms_p95", stats.first_token_ms_p95},
         {"tokens_per_second", stats.tokens_per_second},
         {"cost_usd", static_cast<double>(stats.cost_nano_usd) * kUsdPerNanoUsd},
         {"score_mean", stats.score_count > 0 ? Json(stats.score_mean) : Json()},
         {"score_count", stats.score_count}}
    );
}

Json decision_json(const deployments::Decision& decision) {
    Json json = Json::object(
        {{"outcome", name_of(decision.outcome)},
         {"reason", decision.reason},
         {"decided_at", rfc3339(decision.decided_ms)},
         {"by", decision.decided_by}}
    );
    for (const char* name : {"p_value", "difference", "low", "high"}) {
        json.set(name, decision.evidence[name]);
    }
    return json;
}

}  // namespace

Json DeploymentView::json_of(const Deployment& deployment) {
    Json targets = Json::array();
    for (const deployments::Target& target : deployment.targets) {
        targets.push(target_json(deployment, target));
    }
    Json history = Json::array();
    for (const deployments::Change& change : deployment.history) {
        history.push(
            Json::object({{"at", rfc3339(change.at_ms)}, {"what", change.what}, {"by", change.changed_by}})
        );
    }
    return Json::object(
        {{"id", deployment.id},
         {"name", deployment.name},
         {"state", name_of(deployment.state)},
         {"created_at", rfc3339(deployment.created_ms)},
         {"targets", std::move(targets)},
         {"decision", deployment.decision ? decision_json(*deployment.decision) : Json()},
         {"history", std::move(history)}}
    );
}

Json DeploymentView::target_json(const Deployment& deployment, const deployments::Target& target) {
    auto& traces = house_.observability().traces();
    const auto stats = traces.target_stats({deployment.project_id, deployment.name, target.id, score_});
    Json stats_object = stats ? stats_json(*stats) : Json();
    const auto scores = traces.score_values(
        {.project_id = deployment.project_id,
         .deployment = deployment.name,
         .target_id = target.id,
         .name = score_}
    );
    const auto interval = scores ? metrics::bootstrap_mean(*scores, {.resamples = kResamples})
                                 : Result<metrics::Interval>(scores.error());
    if (stats && interval) {
        stats_object.set("score_low", interval->low);
        stats_object.set("score_high", interval->high);
    }
    return Json::object(
        {{"id", target.id},
         {"label", target.label},
         {"version_id", target.version_id},
         {"model", target.model},
         {"number", target.number},
         {"weight", target.weight},
         {"quantize", name_of(target.quantize)},
         {"replicas_min", target.replicas_min},
         {"replicas_max", target.replicas_max},
         {"replicas", replicas_json(replicas_, target.id)},
         {"stats", std::move(stats_object)}}
    );
}

}  // namespace capstan::app
