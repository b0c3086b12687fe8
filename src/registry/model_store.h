#pragma once

// Rows of models, model_versions, model_files, model_aliases and tokenizers. SQL lives here and nowhere else
// in registry.

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "registry/model.h"

namespace soci {
class session;
}

namespace capstan::registry {

Model find_or_insert_model(soci::session& session, const Model& fresh);
Result<Model> find_model(soci::session& session, std::string_view project_id, std::string_view name);
std::vector<Model> list_models(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

// With its files, and the number after the model's last.
std::int64_t next_version_number(soci::session& session, std::string_view model_id);
void insert_version(soci::session& session, const Version& version);
Result<Version> find_version(soci::session& session, std::string_view project_id, std::string_view id);
Result<Version> find_version_by_number(soci::session& session, const Model& model, std::int64_t number);
std::optional<Version> find_version_of_run(
    soci::session& session, std::string_view model_id, std::string_view run_id
);
std::optional<Version> find_latest_version(soci::session& session, std::string_view model_id);
// Newest first; `before` is a number, 0 for the start.
std::vector<Version> list_versions(
    soci::session& session, const Model& model, std::int64_t before, int rows_max
);
void update_version(soci::session& session, const Version& version);  // Writes status and scores.

void upsert_alias(
    soci::session& session, std::string_view model_id, std::string_view alias, std::int64_t number
);
std::map<std::string, std::int64_t> find_aliases(soci::session& session, std::string_view model_id);

Tokenizer find_or_insert_tokenizer(soci::session& session, const Tokenizer& fresh);  // By job_id.
Result<Tokenizer> find_tokenizer(soci::session& session, std::string_view project_id, std::string_view id);
std::vector<Tokenizer> list_tokenizers(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

}  // namespace capstan::registry
