#include "registry/model_store.h"

#include <utility>

#include "platform/sql/statement.h"

namespace capstan::registry {
namespace {

constexpr std::string_view kSelectVersions =
    "SELECT v.*, m.name AS model FROM model_versions v JOIN models m ON m.id = v.model_id ";

Model model_from(const sql::Row& row) {
    return {
        row.text("id"),
        row.text("project_id"),
        row.text("name"),
        row.text("description"),
        row.integer("created_ms")
    };
}

Version version_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .model_id = row.text("model_id"),
        .model = row.text("model"),
        .number = row.integer("number"),
        .kind = version_kind_from(row.text("kind")),
        .status = parse_version_status(row.text("status")).value_or(VersionStatus::kCandidate),
        .base_version_id = row.optional_text("base_version_id"),
        .run_id = row.optional_text("run_id"),
        .parameters = row.integer("parameters"),
        .scores = row.json("scores"),
        .files = {},
        .created_ms = row.integer("created_ms"),
    };
}

Tokenizer tokenizer_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .name = row.text("name"),
        .vocabulary_size = row.integer("vocabulary_size"),
        .tokenizer_object = row.text("tokenizer_object"),
        .config_object = row.text("config_object"),
        .dataset_commit_id = row.text("dataset_commit_id"),
        .job_id = row.text("job_id"),
        .created_ms = row.integer("created_ms"),
    };
}

std::vector<Version> select_versions(
    soci::session& session, std::string_view where, const sql::Binds& binds
) {
    auto versions =
        sql::select(session, std::string(kSelectVersions) + std::string(where), binds, version_from);
    for (Version& version : versions) {
        version.files = sql::select(
            session,
            "SELECT path, object, bytes FROM model_files WHERE version_id = :id ORDER BY path",
            {{"id", version.id}},
            [](const sql::Row& row) {
                return ModelFile{row.text("path"), row.text("object"), row.integer("bytes")};
            }
        );
    }
    return versions;
}

std::optional<Version> first(std::vector<Version> versions) {
    return versions.empty() ? std::nullopt : std::optional(std::move(versions.front()));
}

}  // namespace

Model find_or_insert_model(soci::session& session, const Model& fresh) {
    sql::execute(
        session,
        "INSERT INTO models (id, project_id, name, description, created_ms) "
        "VALUES (:id, :project_id, :name, :description, :created_ms) ON CONFLICT (project_id, name) DO "
        "NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"name", fresh.name},
         {"description", fresh.description},
         {"created_ms", fresh.created_ms}}
    );
    return find_model(session, fresh.project_id, fresh.name).value_or(fresh);
}

Result<Model> find_model(soci::session& session, std::string_view project_id, std::string_view name) {
    auto model = sql::find(
        session,
        "SELECT * FROM models WHERE project_id = :project_id AND name = :name",
        {{"project_id", project_id}, {"name", name}},
        model_from
    );
    if (!model) {
        return Error{ErrorCode::kNotFound, "no model " + std::string(name)};
    }
    return std::move(*model);
}

std::vector<Model> list_models(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM models WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        model_from
    );
}

std::int64_t next_version_number(soci::session& session, std::string_view model_id) {
    return sql::count(
               session,
               "SELECT MAX(number) FROM model_versions WHERE model_id = :model_id",
               {{"model_id", model_id}}
           ) +
           1;
}

void insert_version(soci::session& session, const Version& version) {
    sql::execute(
        session,
        "INSERT INTO model_versions (id, project_id, model_id, number, kind, status, base_version_id, "
        "run_id, parameters, "
        "scores, created_ms) VALUES (:id, :project_id, :model_id, :number, :kind, :status, :base_version_id, "
        ":run_id, "
        ":parameters, :scores, :created_ms)",
        {{"id", version.id},
         {"project_id", version.project_id},
         {"model_id", version.model_id},
         {"number", version.number},
         {"kind", name_of(version.kind)},
         {"status", name_of(version.status)},
         {"base_version_id", version.base_version_id},
         {"run_id", version.run_id},
         {"parameters", version.parameters},
         {"scores", version.scores},
         {"created_ms", version.created_ms}}
    );
    for (const ModelFile& file : version.files) {
        sql::execute(
            session,
            "INSERT INTO model_files (version_id, path, object, bytes) VALUES (:version_id, :path, :object, "
            ":bytes)",
            {{"version_id", version.id}, {"path", file.path}, {"object", file.object}, {"bytes", file.bytes}}
        );
    }
}

Result<Version> find_version(soci::session& session, std::string_view project_id, std::string_view id) {
    auto version = first(select_versions(
        session, "WHERE v.project_id = :project_id AND v.id = :id", {{"project_id", project_id}, {"id", id}}
    ));
    if (!version) {
        return Error{ErrorCode::kNotFound, "no model version " + std::string(id)};
    }
    return std::move(*version);
}

Result<Version> find_version_by_number(soci::session& session, const Model& model, std::int64_t number) {
    auto version = first(select_versions(
        session,
        "WHERE v.model_id = :model_id AND v.number = :number",
        {{"model_id", model.id}, {"number", number}}
    ));
    if (!version) {
        return Error{
            ErrorCode::kNotFound, "model " + model.name + " has no version " + std::to_string(number)
        };
    }
    return std::move(*version);
}

std::optional<Version> find_version_of_run(
    soci::session& session, std::string_view model_id, std::string_view run_id
) {
    return first(select_versions(
        session,
        "WHERE v.model_id = :model_id AND v.run_id = :run_id",
        {{"model_id", model_id}, {"run_id", run_id}}
    ));
}

std::optional<Version> find_latest_version(soci::session& session, std::string_view model_id) {
    return first(select_versions(
        session, "WHERE v.model_id = :model_id ORDER BY v.number DESC LIMIT 1", {{"model_id", model_id}}
    ));
}

std::vector<Version> list_versions(
    soci::session& session, const Model& model, std::int64_t before, int rows_max
) {
    return select_versions(
        session,
        "WHERE v.model_id = :model_id AND (:before = 0 OR v.number < :before) ORDER BY v.number DESC LIMIT "
        ":rows_max",
        {{"model_id", model.id}, {"before", before}, {"rows_max", rows_max}}
    );
}

void update_version(soci::session& session, const Version& version) {
    sql::execute(
        session,
        "UPDATE model_versions SET status = :status, scores = :scores WHERE id = :id",
        {{"id", version.id}, {"status", name_of(version.status)}, {"scores", version.scores}}
    );
}

void upsert_alias(
    soci::session& session, std::string_view model_id, std::string_view alias, std::int64_t number
) {
    sql::execute(
        session,
        "INSERT INTO model_aliases (model_id, alias, number) VALUES (:model_id, :alias, :number) "
        "ON CONFLICT (model_id, alias) DO UPDATE SET number = excluded.number",
        {{"model_id", model_id}, {"alias", alias}, {"number", number}}
    );
}

std::map<std::string, std::int64_t> find_aliases(soci::session& session, std::string_view model_id) {
    std::map<std::string, std::int64_t> aliases;
    sql::each(
        session,
        "SELECT alias, number FROM model_aliases WHERE model_id = :model_id",
        {{"model_id", model_id}},
        [&](const sql::Row& row) { aliases[row.text("alias")] = row.integer("number"); }
    );
    return aliases;
}

Tokenizer find_or_insert_tokenizer(soci::session& session, const Tokenizer& fresh) {
    sql::execute(
        session,
        "INSERT INTO tokenizers (id, project_id, name, vocabulary_size, tokenizer_object, config_object, "
        "dataset_commit_id, "
        "job_id, created_ms) VALUES (:id, :project_id, :name, :vocabulary_size, :tokenizer_object, "
        ":config_object, "
        ":dataset_commit_id, :job_id, :created_ms) ON CONFLICT (job_id) DO NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"name", fresh.name},
         {"vocabulary_size", fresh.vocabulary_size},
         {"tokenizer_object", fresh.tokenizer_object},
         {"config_object", fresh.config_object},
         {"dataset_commit_id", fresh.dataset_commit_id},
         {"job_id", fresh.job_id},
         {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT * FROM tokenizers WHERE job_id = :job_id",
               {{"job_id", fresh.job_id}},
               tokenizer_from
    )
        .value_or(fresh);
}

Result<Tokenizer> find_tokenizer(soci::session& session, std::string_view project_id, std::string_view id) {
    auto tokenizer = sql::find(
        session,
        "SELECT * FROM tokenizers WHERE project_id = :project_id AND id = :id",
        {{"project_id", project_id}, {"id", id}},
        tokenizer_from
    );
    if (!tokenizer) {
        return Error{ErrorCode::kNotFound, "no tokenizer " + std::string(id)};
    }
    return std::move(*tokenizer);
}

std::vector<Tokenizer> list_tokenizers(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM tokenizers WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        tokenizer_from
    );
}

}  // namespace capstan::registry
