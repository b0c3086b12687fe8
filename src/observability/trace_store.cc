#include "observability/trace_store.h"

#include <utility>

#include "platform/sql/statement.h"

namespace capstan::observability {
namespace {

Trace trace_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .started_ms = row.integer("started_ms"),
        .duration_ms = row.real("duration_ms"),
        .first_token_ms = row.optional_real("first_token_ms"),
        .deployment = row.text("deployment"),
        .target_id = row.text("target_id"),
        .target_label = row.text("target_label"),
        .model = row.text("model"),
        .status = row.text("status"),
        .error = row.text("error"),
        .key_id = row.text("key_id"),
        .end_user = row.text("end_user"),
        .input = row.json("input"),
        .output = row.text("output"),
        .prompt_tokens = row.integer("prompt_tokens"),
        .completion_tokens = row.integer("completion_tokens"),
        .cost_nano_usd = row.integer("cost_nano_usd"),
        .request_id = row.text("request_id"),
    };
}

Score score_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .trace_id = row.text("trace_id"),
        .name = row.text("name"),
        .value = row.optional_real("value"),
        .text = row.optional_text("text_value"),
        .comment = row.text("comment"),
        .source = row.text("source"),
        .idempotency_key = row.text("idempotency_key"),
        .created_ms = row.integer("created_ms"),
    };
}

void insert_span(soci::session& session, std::string_view trace_id, const Span& span) {
    sql::execute(
        session,
        "INSERT INTO spans (trace_id, id, parent_id, name, kind, start_offset_ms, duration_ms, status, "
        "attributes) "
        "VALUES (:trace_id, :id, :parent_id, :name, :kind, :start_offset_ms, :duration_ms, :status, "
        ":attributes)",
        {{"trace_id", trace_id},
         {"id", span.id},
         {"parent_id", span.parent_id},
         {"name", span.name},
         {"kind", span.kind},
         {"start_offset_ms", span.start_offset_ms},
         {"duration_ms", span.duration_ms},
         {"status", span.status},
         {"attributes", span.attributes}}
    );
}

}  // namespace

bool insert_trace(soci::session& session, const Trace& trace, const std::vector<Span>& spans) {
    const auto inserted = sql::execute(
        session,
        "INSERT INTO traces (id, project_id, started_ms, duration_ms, first_token_ms, deployment, target_id, "
        "target_label, "
        "model, status, error, key_id, end_user, input, output, prompt_tokens, completion_tokens, "
        "cost_nano_usd, request_id) "
        "VALUES (:id, :project_id, :started_ms, :duration_ms, :first_token_ms, :deployment, :target_id, "
        ":target_label, :model, "
        ":status, :error, :key_id, :end_user, :input, :output, :prompt_tokens, :completion_tokens, "
        ":cost_nano_usd, "
        ":request_id) ON CONFLICT (id) DO NOTHING",
        {{"id", trace.id},
         {"project_id", trace.project_id},
         {"started_ms", trace.started_ms},
         {"duration_ms", trace.duration_ms},
         {"first_token_ms", trace.first_token_ms},
         {"deployment", trace.deployment},
         {"target_id", trace.target_id},
         {"target_label", trace.target_label},
         {"model", trace.model},
         {"status", trace.status},
         {"error", trace.error},
         {"key_id", trace.key_id},
         {"end_user", trace.end_user},
         {"input", trace.input},
         {"output", trace.output},
         {"prompt_tokens", trace.prompt_tokens},
         {"completion_tokens", trace.completion_tokens},
         {"cost_nano_usd", trace.cost_nano_usd},
         {"request_id", trace.request_id}}
    );
    if (inserted == 0) {
        return false;
    }
    for (const Span& span : spans) {
        insert_span(session, trace.id, span);
    }
    return true;
}

std::optional<Trace> find_trace(soci::session& session, std::string_view project_id, std::string_view id) {
    return sql::find(
        session,
        "SELECT * FROM traces WHERE project_id = :project_id AND id = :id",
        {{"project_id", project_id}, {"id", id}},
        trace_from
    );
}

std::vector<Span> find_spans(soci::session& session, std::string_view trace_id) {
    return sql::select(
        session,
        "SELECT * FROM spans WHERE trace_id = :trace_id ORDER BY start_offset_ms, id",
        {{"trace_id", trace_id}},
        [](const sql::Row& row) {
            return Span{
                .id = row.text("id"),
                .parent_id = row.text("parent_id"),
                .name = row.text("name"),
                .kind = row.text("kind"),
                .start_offset_ms = row.real("start_offset_ms"),
                .duration_ms = row.real("duration_ms"),
                .status = row.text("status"),
                .attributes = row.json("attributes"),
            };
        }
    );
}

std::vector<Trace> list_traces(soci::session& session, const TraceFilter& filter) {
    return sql::select(
        session,
        "SELECT * FROM traces WHERE project_id = :project_id AND (:deployment = '' OR deployment = "
        ":deployment) "
        "AND (:target = '' OR target_label = :target) AND (:status = '' OR status = :status) "
        "AND (:has_text = 0 OR input LIKE :text ESCAPE '\\' OR output LIKE :text ESCAPE '\\') "
        "AND (started_ms < :before_ms OR (started_ms = :before_ms AND id < :before_id)) "
        "ORDER BY started_ms DESC, id DESC LIMIT :rows_max",
        {{"project_id", filter.project_id},
         {"deployment", filter.deployment},
         {"target", filter.target},
         {"status", filter.status},
         {"has_text", filter.text.empty() ? 0 : 1},
         {"text", sql::like_containing(filter.text)},
         {"before_ms", filter.before_ms},
         {"before_id", filter.before_id},
         {"rows_max", filter.rows_max}},
        trace_from
    );
}

bool insert_score(soci::session& session, const Score& score) {
    return sql::execute(
               session,
               "INSERT INTO scores (id, project_id, trace_id, name, value, text_value, comment, source, "
               "idempotency_key, "
               "created_ms) VALUES (:id, :project_id, :trace_id, :name, :value, :text_value, :comment, "
               ":source, "
               ":idempotency_key, :created_ms) ON CONFLICT (project_id, idempotency_key) DO NOTHING",
               {{"id", score.id},
                {"project_id", score.project_id},
                {"trace_id", score.trace_id},
                {"name", score.name},
                {"value", score.value},
                {"text_value", score.text},
                {"comment", score.comment},
                {"source", score.source},
                {"idempotency_key", score.idempotency_key},
                {"created_ms", score.created_ms}}
           ) > 0;
}

std::optional<Score> find_score(
    soci::session& session, std::string_view project_id, std::string_view idempotency_key
) {
    return sql::find(
        session,
        "SELECT * FROM scores WHERE project_id = :project_id AND idempotency_key = :idempotency_key",
        {{"project_id", project_id}, {"idempotency_key", idempotency_key}},
        score_from
    );
}

std::vector<Score> find_scores(soci::session& session, std::string_view trace_id) {
    return sql::select(
        session,
        "SELECT * FROM scores WHERE trace_id = :trace_id ORDER BY id",
        {{"trace_id", trace_id}},
        score_from
    );
}

std::vector<Timing> list_timings(
    soci::session& session, std::string_view deployment, std::string_view target_id, int rows_max
) {
    return sql::select(
        session,
        "SELECT duration_ms, first_token_ms, completion_tokens, cost_nano_usd, status FROM traces "
        "WHERE deployment = :deployment AND target_id = :target_id ORDER BY started_ms DESC LIMIT :rows_max",
        {{"deployment", deployment}, {"target_id", target_id}, {"rows_max", rows_max}},
        [](const sql::Row& row) {
            return Timing{
                .duration_ms = row.real("duration_ms"),
                .first_token_ms = row.optional_real("first_token_ms"),
                .completion_tokens = row.integer("completion_tokens"),
                .cost_nano_usd = row.integer("cost_nano_usd"),
                .status = row.text("status"),
            };
        }
    );
}

std::vector<double> list_score_values(soci::session& session, const ScoreAsk& ask) {
    return sql::select(
        session,
        "SELECT s.value AS value FROM scores s JOIN traces t ON t.id = s.trace_id WHERE t.project_id = "
        ":project_id "
        "AND t.deployment = :deployment AND t.target_id = :target_id AND s.name = :name AND s.value IS NOT "
        "NULL "
        "ORDER BY s.id DESC LIMIT :rows_max",
        {{"project_id", ask.project_id},
         {"deployment", ask.deployment},
         {"target_id", ask.target_id},
         {"name", ask.name},
         {"rows_max", ask.rows_max}},
        [](const sql::Row& row) { return row.real("value"); }
    );
}

}  // namespace capstan::observability
