#include "tracking/run_routes.h"

#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::tracking {
namespace {

constexpr std::int64_t kPollMs = 500;
constexpr int kPollsPerHeartbeat = 30;

Json time_json(std::optional<std::int64_t> time_ms) {
    return time_ms ? Json(rfc3339(*time_ms)) : Json();
}

Json run_json(const Run& run) {
    return Json::object(
        {{"id", run.id},
         {"name", run.name},
         {"kind", run.kind},
         {"status", name_of(run.status)},
         {"experiment_id", run.experiment_id},
         {"job_id", run.job_id},
         {"created_at", rfc3339(run.created_ms)},
         {"started_at", time_json(run.started_ms)},
         {"ended_at", time_json(run.ended_ms)},
         {"error", run.error}}
    );
}

Json summary_json(const std::map<std::string, double>& summary) {
    Json json = Json::object();
    for (const auto& [name, value] : summary) {
        json.set(name, value);
    }
    return json;
}

// Seconds until the job's end, when its speed stays as it was on average; null when that is not known.
Json eta_json(const jobs::Job& job) {
    const JobProgress& progress = *job.progress;
    const bool is_known = !job.is_final() && job.started_ms && progress.step > 0 &&
                          progress.steps_total >= progress.step && progress.time_ms > *job.started_ms;
    if (!is_known) {
        return {};
    }
    const double ms_a_step =
        static_cast<double>(progress.time_ms - *job.started_ms) / static_cast<double>(progress.step);
    return static_cast<double>(progress.steps_total - progress.step) * ms_a_step / 1000;
}

// What the run's job reported last; null when it has no job or nothing was reported.
Json progress_json(const Run& run, jobs::JobService& jobs) {
    const auto job =
        run.job_id ? jobs.get(run.project_id, *run.job_id) : Error{ErrorCode::kNotFound, "no job"};
    if (!job || !job->progress) {
        return {};
    }
    return Json::object(
        {{"step", job->progress->step},
         {"steps_total", job->progress->steps_total},
         {"message", job->progress->message},
         {"eta_s", eta_json(*job)}}
    );
}

Json detail_json(const RunDetail& detail, jobs::JobService& jobs) {
    Json json = run_json(detail.run);
    Json params = Json::object();
    for (const auto& [name, value] : detail.params) {
        params.set(name, value);
    }
    Json artifacts = Json::array();
    for (const Artifact& artifact : detail.artifacts) {
        artifacts.push(
            Json::object({{"name", artifact.path}, {"object", artifact.object}, {"bytes", artifact.bytes}})
        );
    }
    json.set("params", std::move(params));
    json.set("summary", summary_json(detail.summary));
    json.set("artifacts", std::move(artifacts));
    json.set("progress", progress_json(detail.run, jobs));
    return json;
}

http::Response list_runs_page(RunService& runs, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = runs.list(
        {.project_id = request.principal.project_id,
         .kind = std::string(request.query.get("kind")),
         .experiment_id = std::string(request.query.get("experiment_id")),
         .cursor = page->cursor,
         .rows_max = page->rows_max()}
    );
    if (!rows) {
        return http::reply(rows.error());
    }
    const auto summaries = runs.summaries(*rows);
    if (!summaries) {
        return http::reply(summaries.error());
    }
    const auto to_json = [&](const Run& run) {
        Json json = run_json(run);
        json.set("summary", summary_json((*summaries)[static_cast<std::size_t>(&run - rows->data())]));
        return json;
    };
    return http::reply(http::page_json(*rows, *page, to_json, [](const Run& run) { return run.id; }));
}

http::Response list_experiments_page(RunService& runs, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = runs.experiments(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    const auto to_json = [](const Experiment& experiment) {
        return Json::object(
            {{"id", experiment.id}, {"name", experiment.name}, {"created_at", rfc3339(experiment.created_ms)}}
        );
    };
    return http::reply(http::page_json(*rows, *page, to_json, [](const Experiment& experiment) {
        return experiment.id;
    }));
}

http::Response points_reply(RunService& runs, const http::Request& request) {
    RunService::PointsAsk ask{.name = request.param("name")};
    const auto points_max = request.query.get_int("points_max", ask.points_max);
    const auto after_step = request.query.get_int("after_step", ask.after_step);
    if (!points_max || !after_step) {
        return http::reply(points_max ? after_step.error() : points_max.error());
    }
    ask.points_max = *points_max;
    ask.after_step = *after_step;
    const auto points = runs.points(request.principal.project_id, request.param("id"), ask);
    if (!points) {
        return http::reply(points.error());
    }
    Json items = Json::array();
    for (const MetricPoint& point : *points) {
        items.push(Json::array({point.step, point.value, point.time_ms}));
    }
    return http::reply(Json::object({{"name", ask.name}, {"points", std::move(items)}}));
}

// Sends the points after `after_step`, one event a step, and moves it along.
Result<void> send_new_points(
    RunService& runs, std::string_view id, std::int64_t& after_step, http::EventSink& sink
) {
    const auto points = runs.points_after(id, after_step);
    if (!points) {
        return points.error();
    }
    for (std::size_t i = 0; i < points->size();) {
        const MetricPoint& first = (*points)[i];
        Json values = Json::object();
        for (; i < points->size() && (*points)[i].step == first.step; ++i) {
            values.set((*points)[i].name, (*points)[i].value);
        }
        const Json data =
            Json::object({{"step", first.step}, {"values", std::move(values)}, {"time_ms", first.time_ms}});
        if (auto sent = sink.send({.data = data.dump(), .event = "metrics"}); !sent) {
            return sent;
        }
        after_step = first.step;
    }
    return {};
}

// The metrics and changes of status of one run until it has ended.
Result<void> follow_run(RunService& runs, const http::Request& request, http::EventSink& sink) {
    const std::string& id = request.param("id");
    auto after_step = request.query.get_int("after_step", -1);
    if (!after_step) {
        return after_step.error();
    }
    std::string status;
    for (int poll = 1;; ++poll) {
        const auto run = runs.get(request.principal.project_id, id);
        if (!run) {
            return run.error();
        }
        if (auto sent = send_new_points(runs, id, *after_step, sink); !sent) {
            return sent;
        }
        if (status != name_of(run->status)) {
            status = name_of(run->status);
            const auto summaries = runs.summaries({*run});
            if (!summaries) {
                return summaries.error();
            }
            Json json = run_json(*run);
            json.set("summary", summary_json(summaries->front()));
            if (auto sent = sink.send({.data = json.dump(), .event = "status"}); !sent) {
                return sent;
            }
        }
        if (is_final(run->status) || !sink.wait(kPollMs)) {
            return {};
        }
        if (poll % kPollsPerHeartbeat == 0) {
            if (auto sent = sink.send_heartbeat(); !sent) {
                return sent;
            }
        }
    }
}

}  // namespace

void add_run_routes(http::Router& router, RunService& runs, jobs::JobService& jobs) {
    router.get("/api/v1/experiments", "runs.read", [&runs](const http::Request& request) {
        return list_experiments_page(runs, request);
    });
    router.get("/api/v1/runs", "runs.read", [&runs](const http::Request& request) {
        return list_runs_page(runs, request);
    });
    router.get("/api/v1/runs/{id}", "runs.read", [&runs, &jobs](const http::Request& request) {
        const auto detail = runs.detail(request.principal.project_id, request.param("id"));
        return detail ? http::reply(detail_json(*detail, jobs)) : http::reply(detail.error());
    });
    router.get("/api/v1/runs/{id}/metrics", "runs.read", [&runs](const http::Request& request) {
        const auto names = runs.metric_names(request.principal.project_id, request.param("id"));
        return names ? http::reply(Json::object({{"names", Json::array_of(*names)}}))
                     : http::reply(names.error());
    });
    router.get("/api/v1/runs/{id}/metrics/{name}", "runs.read", [&runs](const http::Request& request) {
        return points_reply(runs, request);
    });
    router.events(
        "/api/v1/runs/{id}/events",
        "runs.read",
        [&runs](const http::Request& request, http::EventSink& sink) {
            return follow_run(runs, request, sink);
        }
    );
}

}  // namespace capstan::tracking
