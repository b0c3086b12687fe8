#include "platform/jobs/job.h"

#include <array>

#include <fmt/format.h>

#include "base/clock.h"

namespace capstan::jobs {
namespace {

constexpr std::array<std::string_view, 7> kStateNames = {
    "queued", "leased", "running", "succeeded", "failed", "cancelled", "lost"
};

Json time_or_null(const std::optional<std::int64_t>& ms) {
    return ms ? Json(rfc3339(*ms)) : Json();
}

}  // namespace

std::string_view name_of(JobState state) {
    return kStateNames[static_cast<std::size_t>(state)];
}

Result<JobState> parse_job_state(std::string_view text) {
    for (std::size_t i = 0; i < kStateNames.size(); ++i) {
        if (kStateNames[i] == text) {
            return static_cast<JobState>(i);
        }
    }
    return Error{
        ErrorCode::kInvalid,
        fmt::format(
            "'{}' is no state of a job; use one of {}", text.substr(0, 64), fmt::join(kStateNames, ", ")
        )
    };
}

bool is_final(JobState state) {
    return state == JobState::kSucceeded || state == JobState::kFailed || state == JobState::kCancelled ||
           state == JobState::kLost;
}

Json to_json(const JobProgress& progress) {
    Json metrics = Json::object();
    for (const auto& [name, value] : progress.metrics) {
        metrics.set(name, value);
    }
    return Json::object(
        {{"time_ms", progress.time_ms},
         {"step", progress.step},
         {"steps_total", progress.steps_total},
         {"message", progress.message},
         {"metrics", std::move(metrics)}}
    );
}

JobProgress progress_from(const Json& json) {
    JobProgress progress{
        .time_ms = json.int_or("time_ms", 0),
        .step = json.int_or("step", 0),
        .steps_total = json.int_or("steps_total", 0),
        .message = json.string_or("message", ""),
        .metrics = {},
    };
    if (const auto* metrics = json["metrics"].as_object()) {
        for (const auto& [name, value] : *metrics) {
            progress.metrics[name] = value.as_double().value_or(0);
        }
    }
    return progress;
}

Json to_json(const Job& job) {
    return Json::object(
        {{"id", job.id},
         {"kind", job.kind},
         {"state", name_of(job.state)},
         {"attempt", job.attempt},
         {"attempts_max", job.attempts_max},
         {"subject", job.subject},
         {"priority", job.priority},
         {"version", job.version},
         {"cancel_requested", job.cancel_requested},
         {"created_at", rfc3339(job.created_ms)},
         {"started_at", time_or_null(job.started_ms)},
         {"finished_at", time_or_null(job.finished_ms)},
         {"exit_code", job.exit_code},
         {"signal", job.signal},
         {"error", job.error},
         {"progress", job.progress ? to_json(*job.progress) : Json()},
         {"result", job.result.value_or(Json())}}
    );
}

}  // namespace capstan::jobs
