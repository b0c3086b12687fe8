#include "tracking/run_store.h"

#include "platform/sql/statement.h"

namespace capstan::tracking {
namespace {

Run run_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .experiment_id = row.text("experiment_id"),
        .name = row.text("name"),
        .kind = row.text("kind"),
        .status = run_status_from(row.text("status")),
        .job_id = row.optional_text("job_id"),
        .created_ms = row.integer("created_ms"),
        .started_ms = row.optional_integer("started_ms"),
        .ended_ms = row.optional_integer("ended_ms"),
        .error = row.optional_text("error"),
    };
}

Experiment experiment_from(const sql::Row& row) {
    return {row.text("id"), row.text("project_id"), row.text("name"), row.integer("created_ms")};
}

MetricPoint point_from(const sql::Row& row) {
    return {row.text("name"), row.integer("step"), row.real("value"), row.integer("time_ms")};
}

}  // namespace

Experiment find_or_insert_experiment(soci::session& session, const Experiment& fresh) {
    sql::execute(
        session,
        "INSERT INTO experiments (id, project_id, name, created_ms) VALUES (:id, :project_id, :name, "
        ":created_ms) "
        "ON CONFLICT (project_id, name) DO NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"name", fresh.name},
         {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT * FROM experiments WHERE project_id = :project_id AND name = :name",
               {{"project_id", fresh.project_id}, {"name", fresh.name}},
               experiment_from
    )
        .value_or(fresh);
}

std::vector<Experiment> list_experiments(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM experiments WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        experiment_from
    );
}

Result<void> insert_run(soci::session& session, const Run& run) {
    const auto inserted = sql::execute(
        session,
        "INSERT INTO runs (id, project_id, experiment_id, name, kind, status, job_id, created_ms, "
        "started_ms, ended_ms, "
        "error) VALUES (:id, :project_id, :experiment_id, :name, :kind, :status, :job_id, :created_ms, "
        ":started_ms, "
        ":ended_ms, :error) ON CONFLICT (id) DO NOTHING",
        {{"id", run.id},
         {"project_id", run.project_id},
         {"experiment_id", run.experiment_id},
         {"name", run.name},
         {"kind", run.kind},
         {"status", name_of(run.status)},
         {"job_id", run.job_id},
         {"created_ms", run.created_ms},
         {"started_ms", run.started_ms},
         {"ended_ms", run.ended_ms},
         {"error", run.error}}
    );
    if (inserted == 0) {
        return Error{ErrorCode::kConflict, "run " + run.id + " already exists"};
    }
    return {};
}

Result<Run> find_run(soci::session& session, std::string_view project_id, std::string_view id) {
    auto run = sql::find(
        session,
        "SELECT * FROM runs WHERE id = :id AND project_id = :project_id",
        {{"id", id}, {"project_id", project_id}},
        run_from
    );
    if (!run) {
        return Error{ErrorCode::kNotFound, "no run " + std::string(id)};
    }
    return std::move(*run);
}

std::vector<Run> list_runs(soci::session& session, const RunFilter& filter) {
    return sql::select(
        session,
        "SELECT * FROM runs WHERE project_id = :project_id AND (:kind = '' OR kind = :kind) "
        "AND (:experiment_id = '' OR experiment_id = :experiment_id) AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", filter.project_id},
         {"kind", filter.kind},
         {"experiment_id", filter.experiment_id},
         {"cursor", filter.cursor},
         {"rows_max", filter.rows_max}},
        run_from
    );
}

void update_run(soci::session& session, const Run& run) {
    sql::execute(
        session,
        "UPDATE runs SET status = :status, job_id = :job_id, started_ms = :started_ms, ended_ms = :ended_ms, "
        "error = :error WHERE id = :id",
        {{"id", run.id},
         {"status", name_of(run.status)},
         {"job_id", run.job_id},
         {"started_ms", run.started_ms},
         {"ended_ms", run.ended_ms},
         {"error", run.error}}
    );
}

void insert_params(
    soci::session& session, std::string_view run_id, const std::map<std::string, std::string>& params
) {
    for (const auto& [name, value] : params) {
        sql::execute(
            session,
            "INSERT INTO run_params (run_id, name, value) VALUES (:run_id, :name, :value) ON CONFLICT "
            "(run_id, name) DO NOTHING",
            {{"run_id", run_id}, {"name", name}, {"value", value}}
        );
    }
}

std::map<std::string, std::string> find_params(soci::session& session, std::string_view run_id) {
    std::map<std::string, std::string> params;
    sql::each(
        session,
        "SELECT name, value FROM run_params WHERE run_id = :run_id",
        {{"run_id", run_id}},
        [&](const sql::Row& row) { params[row.text("name")] = row.text("value"); }
    );
    return params;
}

void insert_metrics(soci::session& session, std::string_view run_id, const std::vector<MetricPoint>& points) {
    for (const MetricPoint& point : points) {
        sql::execute(
            session,
            "INSERT INTO run_metrics (run_id, name, step, value, time_ms) VALUES (:run_id, :name, :step, "
            ":value, :time_ms) "
            "ON CONFLICT (run_id, name, step) DO NOTHING",
            {{"run_id", run_id},
             {"name", point.name},
             {"step", point.step},
             {"value", point.value},
             {"time_ms", point.time_ms}}
        );
    }
}

void delete_metrics_from(
    soci::session& session, std::string_view run_id, std::int64_t step, std::int64_t time_ms
) {
    sql::execute(
        session,
        "DELETE FROM run_metrics WHERE run_id = :run_id AND step >= :step AND time_ms < :time_ms",
        {{"run_id", run_id}, {"step", step}, {"time_ms", time_ms}}
    );
}

std::vector<std::string> metric_names(soci::session& session, std::string_view run_id) {
    return sql::select(
        session,
        "SELECT DISTINCT name FROM run_metrics WHERE run_id = :run_id ORDER BY name",
        {{"run_id", run_id}},
        [](const sql::Row& row) { return row.text("name"); }
    );
}

std::vector<MetricPoint> metric_points(
    soci::session& session, std::string_view run_id, std::string_view name, std::int64_t after_step
) {
    return sql::select(
        session,
        "SELECT name, step, value, time_ms FROM run_metrics WHERE run_id = :run_id AND name = :name AND step "
        "> :after_step "
        "ORDER BY step",
        {{"run_id", run_id}, {"name", name}, {"after_step", after_step}},
        point_from
    );
}

std::vector<MetricPoint> points_after(
    soci::session& session, std::string_view run_id, std::int64_t after_step
) {
    return sql::select(
        session,
        "SELECT name, step, value, time_ms FROM run_metrics WHERE run_id = :run_id AND step > :after_step "
        "ORDER BY step, name",
        {{"run_id", run_id}, {"after_step", after_step}},
        point_from
    );
}

std::map<std::string, double> last_values(soci::session& session, std::string_view run_id) {
    std::map<std::string, double> values;
    sql::each(
        session,
        "SELECT m.name AS name, m.value AS value FROM run_metrics m JOIN (SELECT name, MAX(step) AS step "
        "FROM run_metrics "
        "WHERE run_id = :run_id GROUP BY name) last ON last.name = m.name AND last.step = m.step WHERE "
        "m.run_id = :run_id",
        {{"run_id", run_id}},
        [&](const sql::Row& row) { values[row.text("name")] = row.real("value"); }
    );
    return values;
}

void insert_artifacts(
    soci::session& session, std::string_view run_id, const std::vector<Artifact>& artifacts
) {
    for (const Artifact& artifact : artifacts) {
        sql::execute(
            session,
            "INSERT INTO run_artifacts (run_id, path, object, bytes) VALUES (:run_id, :path, :object, "
            ":bytes) "
            "ON CONFLICT (run_id, path) DO UPDATE SET object = excluded.object, bytes = excluded.bytes",
            {{"run_id", run_id},
             {"path", artifact.path},
             {"object", artifact.object},
             {"bytes", artifact.bytes}}
        );
    }
}

std::vector<Artifact> find_artifacts(soci::session& session, std::string_view run_id) {
    return sql::select(
        session,
        "SELECT path, object, bytes FROM run_artifacts WHERE run_id = :run_id ORDER BY path",
        {{"run_id", run_id}},
        [](const sql::Row& row) {
            return Artifact{row.text("path"), row.text("object"), row.integer("bytes")};
        }
    );
}

}  // namespace capstan::tracking
