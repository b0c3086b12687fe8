#include "app/job_routes.h"

#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::app {
namespace {

constexpr std::size_t kOutputBytesMax = 64 * 1024;
constexpr std::int64_t kWaitMsMax = 20'000;

http::Response reply_with(const Result<jobs::Job>& job) {
    return job ? http::reply(jobs::to_json(*job)) : http::reply(job.error());
}

http::Response list_page(jobs::JobService& jobs, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    jobs::JobFilter filter{
        .project_id = request.principal.project_id,
        .kind = std::string(request.query.get("kind")),
        .subject = std::string(request.query.get("subject")),
        .cursor = page->cursor,
        .rows_max = page->rows_max()
    };
    if (const auto* state = request.query.find("state")) {
        const auto parsed = jobs::parse_job_state(*state);
        if (!parsed) {
            return http::reply(parsed.error());
        }
        filter.state = *parsed;
    }
    const auto rows = jobs.list(filter);
    if (!rows) {
        return http::reply(rows.error());
    }
    const auto json_of = [](const jobs::Job& job) { return jobs::to_json(job); };
    return http::reply(http::page_json(*rows, *page, json_of, [](const jobs::Job& job) { return job.id; }));
}

// The job; with ?since_version= it waits a while for one that is newer.
http::Response show(jobs::JobService& jobs, const http::Request& request) {
    const auto since = request.query.get_int("since_version", -1);
    const auto wait_ms = request.query.get_int("wait_ms", kWaitMsMax);
    if (!since || !wait_ms) {
        return http::reply(since ? wait_ms.error() : since.error());
    }
    const std::string& id = request.param("id");
    if (*since < 0) {
        return reply_with(jobs.get(request.principal.project_id, id));
    }
    const std::int64_t bounded_ms = std::min(std::max<std::int64_t>(*wait_ms, 0), kWaitMsMax);
    return reply_with(jobs.wait_changed(request.principal.project_id, id, *since, bounded_ms));
}

http::Response output(jobs::JobService& jobs, const jobs::JobFolders& folders, const http::Request& request) {
    const auto job = jobs.get(request.principal.project_id, request.param("id"));
    if (!job) {
        return http::reply(job.error());
    }
    const auto offset = request.query.get_int("offset", 0);
    if (!offset) {
        return http::reply(offset.error());
    }
    const bool is_error = request.query.get("stream") != "stdout";
    const auto part = folders.output(
        job->id,
        is_error ? jobs::OutputStream::kStandardError : jobs::OutputStream::kStandardOutput,
        *offset,
        kOutputBytesMax
    );
    if (!part) {
        return http::reply(part.error());
    }
    return http::reply(Json::object({{"text", part->text}, {"next_offset", part->next_offset}}));
}

}  // namespace

void add_job_routes(http::Router& router, jobs::JobService& jobs, const jobs::JobFolders& folders) {
    router.get("/api/v1/jobs", "jobs.read", [&jobs](const http::Request& request) {
        return list_page(jobs, request);
    });
    router.get("/api/v1/jobs/{id}", "jobs.read", [&jobs](const http::Request& request) {
        return show(jobs, request);
    });
    router.get("/api/v1/jobs/{id}/output", "jobs.read", [&jobs, &folders](const http::Request& request) {
        return output(jobs, folders, request);
    });
    router.post("/api/v1/jobs/{id}/cancel", "jobs.write", [&jobs](const http::Request& request) {
        return reply_with(jobs.cancel(request.principal.project_id, request.param("id")));
    });
    router.post("/api/v1/jobs/{id}/retry", "jobs.write", [&jobs](const http::Request& request) {
        return reply_with(jobs.retry(request.principal.project_id, request.param("id")));
    });
}

std::vector<cli::Command> job_commands() {
    using cli::Kind;
    using cli::Place;
    const cli::Parameter id{"id", "The job's id", Place::kPath, Kind::kText, true};
    return {
        {"job",
         "list",
         "List jobs, newest first",
         "GET",
         "/api/v1/jobs",
         {{"state", "queued, leased, running, succeeded, failed, cancelled or lost", Place::kQuery},
          {"kind", "Only of this kind", Place::kQuery},
          {"limit", "How many, 1 to 1000", Place::kQuery, Kind::kInteger}},
         {{"ID", "id"},
          {"KIND", "kind"},
          {"STATE", "state"},
          {"SUBJECT", "subject"},
          {"CREATED", "created_at"},
          {"MESSAGE", "progress.message"}}},
        {"job", "show", "Show a job", "GET", "/api/v1/jobs/{id}", {id}, {}},
        {"job",
         "output",
         "Print what a job wrote",
         "GET",
         "/api/v1/jobs/{id}/output",
         {id,
          {"stream", "stderr or stdout; stderr when left out", Place::kQuery},
          {"offset",
           "From which byte on; negative: from so many before the end",
           Place::kQuery,
           Kind::kInteger}},
         {}},
        {"job", "cancel", "Cancel a job", "POST", "/api/v1/jobs/{id}/cancel", {id}, {}},
        {"job", "retry", "Give a job that failed another attempt", "POST", "/api/v1/jobs/{id}/retry", {id}, {}
        },
    };
}

}  // namespace capstan::app
