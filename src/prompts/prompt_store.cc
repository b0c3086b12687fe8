#include "prompts/prompt_store.h"

#include "platform/sql/statement.h"

namespace capstan::prompts {
namespace {

constexpr int kVersionsShownMax = 200;

Prompt prompt_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .name = row.text("name"),
        .created_ms = row.integer("created_ms"),
        .versions = {},
        .labels = {},
    };
}

void fill(soci::session& session, Prompt& prompt) {
    prompt.versions = sql::select(
        session,
        "SELECT number, template, message, created_ms FROM prompt_versions WHERE prompt_id = :id "
        "ORDER BY number DESC LIMIT :rows_max",
        {{"id", prompt.id}, {"rows_max", kVersionsShownMax}},
        [](const sql::Row& row) {
            return PromptVersion{
                row.integer("number"), row.json("template"), row.text("message"), row.integer("created_ms")
            };
        }
    );
    sql::each(
        session,
        "SELECT label, number FROM prompt_labels WHERE prompt_id = :id",
        {{"id", prompt.id}},
        [&](const sql::Row& row) { prompt.labels[row.text("label")] = row.integer("number"); }
    );
}

}  // namespace

Prompt find_or_insert_prompt(soci::session& session, const Prompt& fresh) {
    sql::execute(
        session,
        "INSERT INTO prompts (id, project_id, name, created_ms) VALUES (:id, :project_id, :name, "
        ":created_ms) "
        "ON CONFLICT (project_id, name) DO NOTHING",
        {{"id", fresh.id},
         {"project_id", fresh.project_id},
         {"name", fresh.name},
         {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT * FROM prompts WHERE project_id = :project_id AND name = :name",
               {{"project_id", fresh.project_id}, {"name", fresh.name}},
               prompt_from
    )
        .value_or(fresh);
}

std::optional<Prompt> find_prompt(
    soci::session& session, std::string_view project_id, std::string_view name
) {
    auto prompt = sql::find(
        session,
        "SELECT * FROM prompts WHERE project_id = :project_id AND name = :name",
        {{"project_id", project_id}, {"name", name}},
        prompt_from
    );
    if (prompt) {
        fill(session, *prompt);
    }
    return prompt;
}

std::vector<Prompt> list_prompts(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    auto found = sql::select(
        session,
        "SELECT * FROM prompts WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        prompt_from
    );
    for (Prompt& prompt : found) {
        fill(session, prompt);
    }
    return found;
}

std::int64_t next_number(soci::session& session, std::string_view prompt_id) {
    return sql::count(
               session, "SELECT MAX(number) FROM prompt_versions WHERE prompt_id = :id", {{"id", prompt_id}}
           ) +
           1;
}

void insert_version(soci::session& session, std::string_view prompt_id, const PromptVersion& version) {
    sql::execute(
        session,
        "INSERT INTO prompt_versions (prompt_id, number, template, message, created_ms) "
        "VALUES (:prompt_id, :number, :template, :message, :created_ms)",
        {{"prompt_id", prompt_id},
         {"number", version.number},
         {"template", version.content},
         {"message", version.message},
         {"created_ms", version.created_ms}}
    );
}

void upsert_label(
    soci::session& session, std::string_view prompt_id, std::string_view label, std::int64_t number
) {
    sql::execute(
        session,
        "INSERT INTO prompt_labels (prompt_id, label, number) VALUES (:prompt_id, :label, :number) "
        "ON CONFLICT (prompt_id, label) DO UPDATE SET number = excluded.number",
        {{"prompt_id", prompt_id}, {"label", label}, {"number", number}}
    );
}

}  // namespace capstan::prompts
