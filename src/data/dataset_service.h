#pragma once

// What may be done with datasets: commit to them, list them, read their records.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "data/dataset.h"
#include "platform/objects/object_store.h"
#include "platform/sql/database.h"

namespace capstan::data {

struct NewCommit {
    std::string project_id;
    std::string dataset;  // By name, 1 to 200 bytes; made when it is new.
    std::string kind;     // Of a new dataset: "text" or "pairs".
    std::string description;
    std::string message;
    std::string source_key;       // The same key commits once.
    Manifest manifest;            // Its shards are in the object store already.
    std::string manifest_object;  // The manifest's own object; see put_manifest.
};

struct DatasetWithCommit {
    Dataset dataset;
    std::optional<Commit> latest;
};

struct CommitDetail {
    Commit commit;
    Dataset dataset;
    Manifest manifest;
};

struct Samples {
    std::vector<Json> records;
    std::int64_t total = 0;  // Records of the split.
};

// Thread-safe. Blocking. The calls that end in _in work inside a transaction of the caller.
class DatasetService {
public:
    struct Inputs {
        sql::Database& database;        // Outlives the service; its migrations have run.
        objects::ObjectStore& objects;  // Outlives the service.
        IdSource next_id;
        ClockMs now_ms;
    };

    explicit DatasetService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // Writes the manifest as an object and returns its name: before the transaction that commits it.
    Result<std::string> put_manifest(const Manifest& manifest);

    // The dataset of that name, made when it is new; kConflict when it holds something else.
    Result<Dataset> ensure_in(
        soci::session& session, std::string_view project_id, std::string_view name, std::string_view kind
    );
    Result<Commit> commit_in(soci::session& session, const NewCommit& asked);
    Result<Commit> commit(NewCommit asked);  // Puts the manifest, too.

    Result<std::vector<DatasetWithCommit>> list(
        std::string_view project_id, std::string_view cursor, int rows_max
    );
    Result<DatasetWithCommit> get(std::string_view project_id, std::string_view id);
    Result<std::vector<Commit>> commits(
        std::string_view project_id, std::string_view dataset_id, std::string_view cursor, int rows_max
    );
    Result<CommitDetail> commit_detail(std::string_view project_id, std::string_view id);

    // Records `offset` to `offset + limit` of a split, 1 <= limit <= 200. kNotFound for an unknown commit or
    // split. Cost: the shards up to the last record asked for.
    struct SampleAsk {
        std::string split = "train";
        std::int64_t offset = 0;
        std::int64_t limit = 20;
    };

    Result<Samples> samples(std::string_view project_id, std::string_view commit_id, const SampleAsk& ask);

    // Calls `visit` with each record of a split, in order, until it returns false. One shard in memory at a
    // time.
    Result<void> each_record(
        const Manifest& manifest, std::string_view split, const std::function<bool(const Json& record)>& visit
    );

    // The shards of a split as files of `folder`, in order: for processes that read only files. kNotFound for
    // an unknown split.
    Result<std::vector<std::filesystem::path>> shard_files(
        const Manifest& manifest, std::string_view split, const std::filesystem::path& folder
    );

private:
    Result<Dataset> find_or_make(soci::session& session, const Dataset& asked);

    Inputs inputs_;
};

}  // namespace capstan::data
