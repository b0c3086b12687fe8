#include "evaluation/evaluation_store.h"

#include <utility>

#include "platform/sql/statement.h"

namespace capstan::evaluation {
namespace {

Evaluation evaluation_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .name = row.text("name"),
        .job_id = row.text("job_id"),
        .targets = row.json("targets"),
        .state = row.text("state"),
        .result = row.is_null("result") ? std::nullopt : std::optional(row.json("result")),
        .error = row.optional_text("error"),
        .created_ms = row.integer("created_ms"),
        .finished_ms = row.optional_integer("finished_ms"),
    };
}

}  // namespace

Evaluation find_or_insert_evaluation(soci::session& session, const Evaluation& fresh) {
    sql::execute(
        session,
        "INSERT INTO evaluations (id, project_id, name, job_id, targets, state, created_ms) "
        "VALUES (:id, :project_id, :name, :job_id, :targets, :state, :created_ms) ON CONFLICT (job_id) DO "
        "NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"name", fresh.name},
         {"job_id", fresh.job_id},
         {"targets", fresh.targets},
         {"state", fresh.state},
         {"created_ms", fresh.created_ms}}
    );
    return find_evaluation_of_job(session, fresh.job_id).value_or(fresh);
}

std::optional<Evaluation> find_evaluation_of_job(soci::session& session, std::string_view job_id) {
    return sql::find(
        session, "SELECT * FROM evaluations WHERE job_id = :job_id", {{"job_id", job_id}}, evaluation_from
    );
}

Result<Evaluation> find_evaluation(soci::session& session, std::string_view project_id, std::string_view id) {
    auto evaluation = sql::find(
        session,
        "SELECT * FROM evaluations WHERE project_id = :project_id AND id = :id",
        {{"project_id", project_id}, {"id", id}},
        evaluation_from
    );
    if (!evaluation) {
        return Error{ErrorCode::kNotFound, "no evaluation " + std::string(id)};
    }
    return std::move(*evaluation);
}

std::vector<Evaluation> list_evaluations(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM evaluations WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        evaluation_from
    );
}

void finish_evaluation(soci::session& session, std::string_view job_id, const Evaluation& end) {
    sql::execute(
        session,
        "UPDATE evaluations SET state = :state, result = :result, error = :error, finished_ms = :finished_ms "
        "WHERE job_id = :job_id",
        {{"job_id", job_id},
         {"state", end.state},
         {"result", end.result ? sql::Value(*end.result) : sql::Value()},
         {"error", end.error},
         {"finished_ms", end.finished_ms}}
    );
}

}  // namespace capstan::evaluation
