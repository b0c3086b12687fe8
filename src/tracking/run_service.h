#pragma once

// What may be done with runs. Every rule about runs is here; HTTP and the CLI only translate.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "platform/sql/database.h"
#include "tracking/run.h"
#include "tracking/run_store.h"

namespace capstan::tracking {

struct NewRun {
    std::string project_id;
    std::string experiment;  // By name; made when it is new. 1 to 200 bytes.
    std::string name;        // 1 to 200 bytes.
    std::string kind;
    std::map<std::string, std::string> params;  // At most 200; a value of at most 6000 bytes.
};

struct RunDetail {
    Run run;
    std::map<std::string, std::string> params;
    std::map<std::string, double> summary;  // The last value of each metric.
    std::vector<Artifact> artifacts;
};

// How a run ended.
struct RunEnd {
    RunStatus status = RunStatus::kSucceeded;
    std::string error;
    std::vector<Artifact> artifacts;
};

// Safe to call from several threads at once. Blocking. The calls that end in _in work inside a transaction of
// the caller.
class RunService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        IdSource next_id;
        ClockMs now_ms;
    };

    explicit RunService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // A queued run. kInvalid, naming the member, when one is out of its range.
    Result<Run> create(const NewRun& asked);
    Result<Run> create_in(soci::session& session, const NewRun& asked);

    Result<Run> get(
        std::string_view project_id, std::string_view id
    );  // kNotFound when the project has none.
    Result<RunDetail> detail(std::string_view project_id, std::string_view id);
    Result<RunDetail> detail_in(soci::session& session, std::string_view project_id, std::string_view id);
    Result<std::vector<Run>> list(const RunFilter& filter);
    // For each of the runs, the last value of each of its metrics.
    Result<std::vector<std::map<std::string, double>>> summaries(const std::vector<Run>& runs);
    Result<std::vector<Experiment>> experiments(
        std::string_view project_id, std::string_view cursor, int rows_max
    );

    Result<void> attach_job_in(soci::session& session, Run run, std::string_view job_id);
    Result<void> start(
        std::string_view project_id, std::string_view id
    );  // A run that runs or has succeeded stays as it is; one that failed or was cancelled runs again.
    // A run that has ended already stays as it is: a second report of an end is no error. Except that one
    // that failed or was cancelled may still succeed: its job was given another attempt.
    Result<void> end_in(
        soci::session& session, std::string_view project_id, std::string_view id, const RunEnd& end
    );
    Result<void> end(std::string_view project_id, std::string_view id, const RunEnd& end);

    // Points that are there already keep their values, so a repeated report changes nothing. At most 10,000
    // points a call; kInvalid for a name over 250 bytes. Values that are not finite are left out.
    Result<void> log_metrics(
        std::string_view project_id, std::string_view id, const std::vector<MetricPoint>& points
    );

    // Forgets the points from `step` on that were reported before `time_ms`: who reported them was killed,
    // and another goes on from a checkpoint before them.
    Result<void> rewind_metrics(
        std::string_view project_id, std::string_view id, std::int64_t step, std::int64_t time_ms
    );

    Result<std::vector<std::string>> metric_names(std::string_view project_id, std::string_view id);

    struct PointsAsk {
        std::string name;
        std::int64_t after_step = -1;
        std::int64_t points_max = 500;  // 2 to 10,000; see downsample.h.
    };

    Result<std::vector<MetricPoint>> points(
        std::string_view project_id, std::string_view id, const PointsAsk& ask
    );
    Result<std::vector<MetricPoint>> points_after(std::string_view id, std::int64_t after_step);

private:
    Inputs inputs_;
};

}  // namespace capstan::tracking
