#pragma once

// Rows of datasets and dataset_commits. SQL lives here and nowhere else in data.

#include <optional>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace soci {
class session;
}

namespace capstan::data {

Dataset find_or_insert_dataset(soci::session& session, const Dataset& fresh);
Result<Dataset> find_dataset(soci::session& session, std::string_view project_id, std::string_view id);
std::vector<Dataset> list_datasets(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

// The commit of this dataset and source_key, inserted when there is none.
Commit find_or_insert_commit(soci::session& session, const Commit& fresh);
Result<Commit> find_commit(soci::session& session, std::string_view project_id, std::string_view id);
std::optional<Commit> find_latest_commit(soci::session& session, std::string_view dataset_id);
std::vector<Commit> list_commits(
    soci::session& session, std::string_view dataset_id, std::string_view cursor, int rows_max
);

}  // namespace capstan::data
