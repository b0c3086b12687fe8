#include "platform/jobs/job_store.h"

#include <fmt/format.h>

#include "platform/sql/statement.h"

namespace capstan::jobs {
namespace {

Json pairs_to_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
    Json list = Json::array();
    for (const auto& [name, value] : pairs) {
        list.push(Json::array({name, value}));
    }
    return list;
}

std::vector<std::pair<std::string, std::string>> pairs_from(const Json& list) {
    std::vector<std::pair<std::string, std::string>> pairs;
    if (const auto* items = list.as_array()) {
        for (const Json& item : *items) {
            const auto* pair = item.as_array();
            if (pair != nullptr && pair->size() == 2 && (*pair)[0].as_string() && (*pair)[1].as_string()) {
                pairs.emplace_back(*(*pair)[0].as_string(), *(*pair)[1].as_string());
            }
        }
    }
    return pairs;
}

std::vector<std::string> strings_from(const Json& list) {
    std::vector<std::string> strings;
    if (const auto* items = list.as_array()) {
        for (const Json& item : *items) {
            strings.push_back(item.as_string() != nullptr ? *item.as_string() : "");
        }
    }
    return strings;
}

Json limits_to_json(const JobLimits& limits) {
    return Json::object(
        {{"run_ms_max", limits.run_ms_max},
         {"memory_bytes", limits.memory_bytes},
         {"cpu_seconds", limits.cpu_seconds}}
    );
}

JobLimits limits_from(const Json& json) {
    return {
        .run_ms_max = json.int_or("run_ms_max", 0),
        .memory_bytes = json.int_or("memory_bytes", 0),
        .cpu_seconds = json.int_or("cpu_seconds", 0),
    };
}

std::optional<int> optional_int(const std::optional<std::int64_t>& value) {
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<ErrorCode> error_code_from(const std::optional<std::string>& name) {
    for (int code = 0; name && code <= static_cast<int>(ErrorCode::kInternal); ++code) {
        if (capstan::name_of(static_cast<ErrorCode>(code)) == *name) {
            return static_cast<ErrorCode>(code);
        }
    }
    return std::nullopt;
}

Job job_from(const sql::Row& row) {
    const auto state = parse_job_state(row.text("state"));
    Job job{
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .kind = row.text("kind"),
        .subject = row.text("subject"),
        .idempotency_key = row.optional_text("idempotency_key"),
        .spec = row.json("spec"),
        .argv = strings_from(row.json("argv")),
        .environment = pairs_from(row.json("environment")),
        .limits = limits_from(row.json("limits")),
        .priority = static_cast<int>(row.integer("priority")),
        .attempts_max = static_cast<int>(row.integer("attempts_max")),
        .state = state ? *state : JobState::kFailed,
        .version = row.integer("version"),
        .attempt = static_cast<int>(row.integer("attempt")),
        .not_before_ms = row.integer("not_before_ms"),
        .cancel_requested = row.boolean("cancel_requested"),
        .lease_owner = row.text("lease_owner"),
        .lease_token = row.text("lease_token"),
        .lease_expires_ms = row.integer("lease_expires_ms"),
        .heartbeat_ms = row.optional_integer("heartbeat_ms"),
        .handle = row.text("handle"),
        .created_ms = row.integer("created_ms"),
        .started_ms = row.optional_integer("started_ms"),
        .finished_ms = row.optional_integer("finished_ms"),
        .exit_code = optional_int(row.optional_integer("exit_code")),
        .signal = optional_int(row.optional_integer("signal")),
        .error_code = error_code_from(row.optional_text("error_code")),
        .error = row.optional_text("error"),
    };
    if (!row.is_null("progress")) {
        job.progress = progress_from(row.json("progress"));
    }
    if (!row.is_null("result")) {
        job.result = row.json("result");
    }
    return job;
}

std::optional<std::string> error_name(const Job& job) {
    return job.error_code ? std::optional(std::string(capstan::name_of(*job.error_code))) : std::nullopt;
}

// The columns that change, as bound values.
sql::Binds changing(const Job& job) {
    return {
        {"attempts_max", job.attempts_max},
        {"state", name_of(job.state)},
        {"version", job.version},
        {"attempt", job.attempt},
        {"not_before_ms", job.not_before_ms},
        {"cancel_requested", job.cancel_requested},
        {"lease_owner", job.lease_owner},
        {"lease_token", job.lease_token},
        {"lease_expires_ms", job.lease_expires_ms},
        {"heartbeat_ms", job.heartbeat_ms},
        {"handle", job.handle},
        {"started_ms", job.started_ms},
        {"finished_ms", job.finished_ms},
        {"exit_code", job.exit_code},
        {"signal", job.signal},
        {"error_code", error_name(job)},
        {"error", job.error},
        {"progress", job.progress ? sql::Value(to_json(*job.progress)) : sql::Value()},
        {"result", job.result ? sql::Value(*job.result) : sql::Value()},
        {"id", job.id},
    };
}

}  // namespace

bool insert_job(soci::session& session, const Job& job) {
    sql::Binds binds = changing(job);
    for (sql::Bind& bind : sql::Binds{
             {"project_id", job.project_id},
             {"kind", job.kind},
             {"subject", job.subject},
             {"idempotency_key", job.idempotency_key},
             {"spec", job.spec},
             {"argv", Json::array_of(job.argv)},
             {"environment", pairs_to_json(job.environment)},
             {"limits", limits_to_json(job.limits)},
             {"priority", job.priority},
             {"created_ms", job.created_ms},
         }) {
        binds.push_back(std::move(bind));
    }
    return sql::execute(
               session,
               "INSERT INTO jobs (id, project_id, kind, subject, idempotency_key, spec, argv, environment, "
               "limits, "
               "priority, attempts_max, state, version, attempt, not_before_ms, cancel_requested, "
               "lease_owner, "
               "lease_token, lease_expires_ms, heartbeat_ms, handle, created_ms, started_ms, finished_ms, "
               "exit_code, "
               "signal, error_code, error, progress, result) VALUES (:id, :project_id, :kind, :subject, "
               ":idempotency_key, :spec, :argv, :environment, :limits, :priority, :attempts_max, :state, "
               ":version, "
               ":attempt, :not_before_ms, :cancel_requested, :lease_owner, :lease_token, :lease_expires_ms, "
               ":heartbeat_ms, :handle, :created_ms, :started_ms, :finished_ms, :exit_code, :signal, "
               ":error_code, "
               ":error, :progress, :result) ON CONFLICT (project_id, idempotency_key) DO NOTHING",
               binds
           ) == 1;
}

std::optional<Job> find_job(soci::session& session, std::string_view id) {
    return sql::find(session, "SELECT * FROM jobs WHERE id = :id", {{"id", id}}, job_from);
}

std::optional<Job> find_job_by_key(
    soci::session& session, std::string_view project_id, std::string_view idempotency_key
) {
    return sql::find(
        session,
        "SELECT * FROM jobs WHERE project_id = :project_id AND idempotency_key = :key",
        {{"project_id", project_id}, {"key", idempotency_key}},
        job_from
    );
}

std::vector<Job> list_jobs(soci::session& session, const JobFilter& filter) {
    std::string where = "project_id = :project_id";
    sql::Binds binds = {{"project_id", filter.project_id}, {"rows_max", filter.rows_max}};
    const auto add = [&](std::string_view condition, std::string_view name, std::string_view value) {
        if (!value.empty()) {
            where += condition;
            binds.push_back({name, value});
        }
    };
    add(" AND state = :state", "state", filter.state ? name_of(*filter.state) : "");
    add(" AND kind = :kind", "kind", filter.kind);
    add(" AND subject = :subject", "subject", filter.subject);
    add(" AND id < :cursor", "cursor", filter.cursor);
    return sql::select(
        session, "SELECT * FROM jobs WHERE " + where + " ORDER BY id DESC LIMIT :rows_max", binds, job_from
    );
}

std::optional<Job> find_next_job(soci::session& session, std::int64_t now_ms) {
    return sql::find(
        session,
        "SELECT * FROM jobs WHERE state = 'queued' AND not_before_ms <= :now_ms ORDER BY priority DESC, id "
        "LIMIT 1",
        {{"now_ms", now_ms}},
        job_from
    );
}

std::vector<Job> list_expired_jobs(soci::session& session, std::int64_t now_ms, int rows_max) {
    return sql::select(
        session,
        "SELECT * FROM jobs WHERE state IN ('leased', 'running') AND lease_expires_ms <= :now_ms ORDER BY id "
        "LIMIT :rows_max",
        {{"now_ms", now_ms}, {"rows_max", rows_max}},
        job_from
    );
}

std::vector<Job> list_taken_jobs(soci::session& session, std::string_view lease_owner) {
    return sql::select(
        session,
        "SELECT * FROM jobs WHERE state IN ('leased', 'running') AND lease_owner = :owner ORDER BY id",
        {{"owner", lease_owner}},
        job_from
    );
}

std::int64_t count_queued_jobs(soci::session& session, std::string_view project_id) {
    return sql::count(
        session,
        "SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND project_id = :project_id",
        {{"project_id", project_id}}
    );
}

Result<void> update_job(soci::session& session, std::int64_t version_before, const Job& after) {
    sql::Binds binds = changing(after);
    binds.push_back({"version_before", version_before});
    const std::int64_t updated = sql::execute(
        session,
        "UPDATE jobs SET attempts_max = :attempts_max, state = :state, version = :version, attempt = "
        ":attempt, "
        "not_before_ms = :not_before_ms, cancel_requested = :cancel_requested, lease_owner = :lease_owner, "
        "lease_token = :lease_token, lease_expires_ms = :lease_expires_ms, heartbeat_ms = :heartbeat_ms, "
        "handle = :handle, started_ms = :started_ms, finished_ms = :finished_ms, exit_code = :exit_code, "
        "signal = :signal, error_code = :error_code, error = :error, progress = :progress, result = :result "
        "WHERE id = :id AND version = :version_before",
        binds
    );
    if (updated != 1) {
        return Error{ErrorCode::kConflict, fmt::format("job {} has changed meanwhile", after.id)};
    }
    return {};
}

Result<void> update_lease(soci::session& session, const Job& job) {
    const std::int64_t updated = sql::execute(
        session,
        "UPDATE jobs SET lease_expires_ms = :expires_ms, heartbeat_ms = :heartbeat_ms WHERE id = :id AND "
        "lease_token = :token",
        {{"expires_ms", job.lease_expires_ms},
         {"heartbeat_ms", job.heartbeat_ms},
         {"id", job.id},
         {"token", job.lease_token}}
    );
    if (updated != 1) {
        return Error{ErrorCode::kConflict, fmt::format("job {} has been taken by another worker", job.id)};
    }
    return {};
}

}  // namespace capstan::jobs
