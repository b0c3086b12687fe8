#pragma once

// Rows of experiments, runs and what runs report. SQL lives here and nowhere else in tracking; no policy
// lives here.

#include <map>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/run.h"

namespace soci {
class session;
}

namespace capstan::tracking {

Experiment find_or_insert_experiment(soci::session& session, const Experiment& fresh);
std::vector<Experiment> list_experiments(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

Result<void> insert_run(soci::session& session, const Run& run);  // kConflict when a run with this id exists.
Result<Run> find_run(soci::session& session, std::string_view project_id, std::string_view id);  // kNotFound.

struct RunFilter {
    std::string project_id;
    std::string kind;           // Empty: any.
    std::string experiment_id;  // Empty: any.
    std::string cursor;         // Runs before this id; empty: from the newest.
    int rows_max = 50;
};

std::vector<Run> list_runs(soci::session& session, const RunFilter& filter);

// Writes status, started_ms, ended_ms, error and job_id.
void update_run(soci::session& session, const Run& run);

void insert_params(
    soci::session& session, std::string_view run_id, const std::map<std::string, std::string>& params
);
std::map<std::string, std::string> find_params(soci::session& session, std::string_view run_id);

// A point that is there already keeps its value.
void insert_metrics(soci::session& session, std::string_view run_id, const std::vector<MetricPoint>& points);
// Points of `step` and later ones that were reported before `time_ms`.
void delete_metrics_from(
    soci::session& session, std::string_view run_id, std::int64_t step, std::int64_t time_ms
);
std::vector<std::string> metric_names(soci::session& session, std::string_view run_id);
// In the order of steps, those after `after_step`.
std::vector<MetricPoint> metric_points(
    soci::session& session, std::string_view run_id, std::string_view name, std::int64_t after_step
);
// Of all metrics, in the order of steps.
std::vector<MetricPoint> points_after(
    soci::session& session, std::string_view run_id, std::int64_t after_step
);
// The last value of each metric.
std::map<std::string, double> last_values(soci::session& session, std::string_view run_id);

void insert_artifacts(
    soci::session& session, std::string_view run_id, const std::vector<Artifact>& artifacts
);
std::vector<Artifact> find_artifacts(soci::session& session, std::string_view run_id);

}  // namespace capstan::tracking
