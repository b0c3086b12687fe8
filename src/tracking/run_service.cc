#include "tracking/run_service.h"

#include <cmath>

#include <fmt/format.h>

#include "tracking/downsample.h"

namespace capstan::tracking {
namespace {

constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kParamsMax = 200;
constexpr std::size_t kParamBytesMax = 6000;
constexpr std::size_t kMetricNameBytesMax = 250;
constexpr std::size_t kPointsPerCallMax = 10'000;
constexpr std::int64_t kChartPointsMax = 10'000;

Result<void> check_name(std::string_view what, std::string_view name) {
    if (name.empty() || name.size() > kNameBytesMax) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}' must have 1 to {} bytes", what, kNameBytesMax)};
    }
    return {};
}

Result<void> check_params(const std::map<std::string, std::string>& params) {
    if (params.size() > kParamsMax) {
        return Error{ErrorCode::kInvalid, fmt::format("a run has at most {} params", kParamsMax)};
    }
    for (const auto& [name, value] : params) {
        if (name.empty() || name.size() > kMetricNameBytesMax || value.size() > kParamBytesMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "param '{}' must have a name of 1 to {} bytes and a value of at most {}",
                    name.substr(0, 40),
                    kMetricNameBytesMax,
                    kParamBytesMax
                )
            };
        }
    }
    return {};
}

}  // namespace

Result<Run> RunService::create_in(soci::session& session, const NewRun& asked) {
    for (const auto& [what, name] :
         {std::pair("name", &asked.name), {"experiment", &asked.experiment}, {"kind", &asked.kind}}) {
        if (auto checked = check_name(what, *name); !checked) {
            return checked.error();
        }
    }
    if (auto checked = check_params(asked.params); !checked) {
        return checked.error();
    }
    const Experiment experiment = find_or_insert_experiment(
        session, {inputs_.next_id(), asked.project_id, asked.experiment, inputs_.now_ms()}
    );
    Run run{
        .id = inputs_.next_id(),
        .project_id = asked.project_id,
        .experiment_id = experiment.id,
        .name = asked.name,
        .kind = asked.kind,
        .created_ms = inputs_.now_ms(),
    };
    if (auto inserted = insert_run(session, run); !inserted) {
        return inserted.error();
    }
    insert_params(session, run.id, asked.params);
    return run;
}

Result<Run> RunService::create(const NewRun& asked) {
    return inputs_.database.transact([&](soci::session& session) { return create_in(session, asked); });
}

Result<Run> RunService::get(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) { return find_run(session, project_id, id); });
}

Result<RunDetail> RunService::detail_in(
    soci::session& session, std::string_view project_id, std::string_view id
) {
    auto run = find_run(session, project_id, id);
    if (!run) {
        return run.error();
    }
    return RunDetail{
        .run = std::move(*run),
        .params = find_params(session, id),
        .summary = last_values(session, id),
        .artifacts = find_artifacts(session, id),
    };
}

Result<RunDetail> RunService::detail(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) { return detail_in(session, project_id, id); });
}

Result<std::vector<Run>> RunService::list(const RunFilter& filter) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<Run>>(list_runs(session, filter));
    });
}

Result<std::vector<std::map<std::string, double>>> RunService::summaries(const std::vector<Run>& runs) {
    return inputs_.database.read([&](soci::session& session) {
        std::vector<std::map<std::string, double>> found;
        for (const Run& run : runs) {
            found.push_back(last_values(session, run.id));
        }
        return Result<std::vector<std::map<std::string, double>>>(std::move(found));
    });
}

Result<std::vector<Experiment>> RunService::experiments(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<Experiment>>(list_experiments(session, project_id, cursor, rows_max));
    });
}

Result<void> RunService::attach_job_in(soci::session& session, Run run, std::string_view job_id) {
    run.job_id = std::string(job_id);
    update_run(session, run);
    return {};
}

Result<void> RunService::start(std::string_view project_id, std::string_view id) {
    return inputs_.database.transact([&](soci::session& session) -> Result<void> {
        auto run = find_run(session, project_id, id);
        if (!run) {
            return run.error();
        }
        if (run->status != RunStatus::kRunning && run->status != RunStatus::kSucceeded) {
            run->status = RunStatus::kRunning;
            run->started_ms = inputs_.now_ms();
            run->ended_ms = std::nullopt;
            run->error = std::nullopt;
            update_run(session, *run);
        }
        return {};
    });
}

Result<void> RunService::end_in(
    soci::session& session, std::string_view project_id, std::string_view id, const RunEnd& end
) {
    auto run = find_run(session, project_id, id);
    if (!run) {
        return run.error();
    }
    const bool may_still_succeed =
        run->status != RunStatus::kSucceeded && end.status == RunStatus::kSucceeded;
    if (is_final(run->status) && !may_still_succeed) {
        return {};
    }
    run->status = end.status;
    run->ended_ms = inputs_.now_ms();
    run->started_ms = run->started_ms ? run->started_ms : run->ended_ms;
    run->error = end.error.empty() ? std::nullopt : std::optional(end.error);
    update_run(session, *run);
    insert_artifacts(session, id, end.artifacts);
    return {};
}

Result<void> RunService::end(std::string_view project_id, std::string_view id, const RunEnd& end) {
    return inputs_.database.transact([&](soci::session& session) {
        return end_in(session, project_id, id, end);
    });
}

Result<void> RunService::log_metrics(
    std::string_view project_id, std::string_view id, const std::vector<MetricPoint>& points
) {
    if (points.size() > kPointsPerCallMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("at most {} points a call", kPointsPerCallMax)};
    }
    std::vector<MetricPoint> finite;
    for (const MetricPoint& point : points) {
        if (point.name.empty() || point.name.size() > kMetricNameBytesMax) {
            return Error{
                ErrorCode::kInvalid, fmt::format("a metric's name has 1 to {} bytes", kMetricNameBytesMax)
            };
        }
        if (std::isfinite(point.value)) {
            finite.push_back(point);
        }
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<void> {
        if (auto run = find_run(session, project_id, id); !run) {
            return run.error();
        }
        insert_metrics(session, id, finite);
        return {};
    });
}

Result<void> RunService::rewind_metrics(
    std::string_view project_id, std::string_view id, std::int64_t step, std::int64_t time_ms
) {
    return inputs_.database.transact([&](soci::session& session) -> Result<void> {
        if (auto run = find_run(session, project_id, id); !run) {
            return run.error();
        }
        delete_metrics_from(session, id, step, time_ms);
        return {};
    });
}

Result<std::vector<std::string>> RunService::metric_names(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<std::string>> {
        if (auto run = find_run(session, project_id, id); !run) {
            return run.error();
        }
        return tracking::metric_names(session, id);
    });
}

Result<std::vector<MetricPoint>> RunService::points(
    std::string_view project_id, std::string_view id, const PointsAsk& ask
) {
    if (ask.points_max < 2 || ask.points_max > kChartPointsMax) {
        return Error{ErrorCode::kInvalid, fmt::format("'points_max' must be from 2 to {}", kChartPointsMax)};
    }
    auto all = inputs_.database.read([&](soci::session& session) -> Result<std::vector<MetricPoint>> {
        if (auto run = find_run(session, project_id, id); !run) {
            return run.error();
        }
        return metric_points(session, id, ask.name, ask.after_step);
    });
    if (!all) {
        return all;
    }
    return downsample(*all, static_cast<std::size_t>(ask.points_max));
}

Result<std::vector<MetricPoint>> RunService::points_after(std::string_view id, std::int64_t after_step) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<MetricPoint>>(tracking::points_after(session, id, after_step));
    });
}

}  // namespace capstan::tracking
