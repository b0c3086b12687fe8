#include "data/dataset_store.h"

#include <utility>

#include "platform/sql/statement.h"

namespace capstan::data {
namespace {

Dataset dataset_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .name = row.text("name"),
        .kind = row.text("kind"),
        .description = row.text("description"),
        .created_ms = row.integer("created_ms"),
    };
}

Commit commit_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .dataset_id = row.text("dataset_id"),
        .parent_id = row.optional_text("parent_id"),
        .message = row.text("message"),
        .manifest_object = row.text("manifest_object"),
        .records = row.integer("records"),
        .bytes = row.integer("bytes"),
        .source_key = row.text("source_key"),
        .created_ms = row.integer("created_ms"),
    };
}

}  // namespace

Dataset find_or_insert_dataset(soci::session& session, const Dataset& fresh) {
    sql::execute(
        session,
        "INSERT INTO datasets (id, project_id, name, kind, description, created_ms) "
        "VALUES (:id, :project_id, :name, :kind, :description, :created_ms) ON CONFLICT (project_id, name) "
        "DO NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"name", fresh.name},
         {"kind", fresh.kind},
         {"description", fresh.description},
         {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT * FROM datasets WHERE project_id = :project_id AND name = :name",
               {{"project_id", fresh.project_id}, {"name", fresh.name}},
               dataset_from
    )
        .value_or(fresh);
}

Result<Dataset> find_dataset(soci::session& session, std::string_view project_id, std::string_view id) {
    auto dataset = sql::find(
        session,
        "SELECT * FROM datasets WHERE project_id = :project_id AND id = :id",
        {{"project_id", project_id}, {"id", id}},
        dataset_from
    );
    if (!dataset) {
        return Error{ErrorCode::kNotFound, "no dataset " + std::string(id)};
    }
    return std::move(*dataset);
}

std::vector<Dataset> list_datasets(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM datasets WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        dataset_from
    );
}

Commit find_or_insert_commit(soci::session& session, const Commit& fresh) {
    sql::execute(
        session,
        "INSERT INTO dataset_commits (id, project_id, dataset_id, parent_id, message, manifest_object, "
        "records, bytes, "
        "source_key, created_ms) VALUES (:id, :project_id, :dataset_id, :parent_id, :message, "
        ":manifest_object, :records, "
        ":bytes, :source_key, :created_ms) ON CONFLICT (dataset_id, source_key) DO NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"dataset_id", fresh.dataset_id},
         {"parent_id", fresh.parent_id},
         {"message", fresh.message},
         {"manifest_object", fresh.manifest_object},
         {"records", fresh.records},
         {"bytes", fresh.bytes},
         {"source_key", fresh.source_key},
         {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT * FROM dataset_commits WHERE dataset_id = :dataset_id AND source_key = :source_key",
               {{"dataset_id", fresh.dataset_id}, {"source_key", fresh.source_key}},
               commit_from
    )
        .value_or(fresh);
}

Result<Commit> find_commit(soci::session& session, std::string_view project_id, std::string_view id) {
    auto commit = sql::find(
        session,
        "SELECT * FROM dataset_commits WHERE project_id = :project_id AND id = :id",
        {{"project_id", project_id}, {"id", id}},
        commit_from
    );
    if (!commit) {
        return Error{ErrorCode::kNotFound, "no dataset commit " + std::string(id)};
    }
    return std::move(*commit);
}

std::optional<Commit> find_latest_commit(soci::session& session, std::string_view dataset_id) {
    return sql::find(
        session,
        "SELECT * FROM dataset_commits WHERE dataset_id = :dataset_id ORDER BY id DESC LIMIT 1",
        {{"dataset_id", dataset_id}},
        commit_from
    );
}

std::vector<Commit> list_commits(
    soci::session& session, std::string_view dataset_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM dataset_commits WHERE dataset_id = :dataset_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"dataset_id", dataset_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        commit_from
    );
}

}  // namespace capstan::data
