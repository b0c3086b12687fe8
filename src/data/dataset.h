#pragma once

// Datasets and their commits. A commit is immutable: a manifest in the object store that names the shards of
// each split by hash.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::data {

struct Dataset {
    std::string id;
    std::string project_id;
    std::string name;
    std::string kind;  // "text": records with a text; "pairs": records with question and answer.
    std::string description;
    std::int64_t created_ms = 0;
};

struct Shard {
    std::string object;
    std::int64_t records = 0;
    std::int64_t bytes = 0;
};

struct Split {
    std::string name;  // "train", "heldout"
    std::vector<Shard> shards;

    std::int64_t records() const;
    std::int64_t bytes() const;
};

// What is in a commit. Its JSON is {"schema": 1, "splits": {name: [{object, records, bytes}]}, "recipe",
// "report"}.
struct Manifest {
    std::vector<Split> splits;
    Json recipe = Json::object();  // How it was made.
    Json report = Json::object();  // What came of that.
};

Json to_json(const Manifest& manifest);
Result<Manifest> manifest_from(const Json& json);

struct Commit {
    std::string id;
    std::string project_id;
    std::string dataset_id;
    std::optional<std::string> parent_id;
    std::string message;
    std::string manifest_object;
    std::int64_t records = 0;
    std::int64_t bytes = 0;
    std::string source_key;  // Of whatever made it, such as a job's id: the same key commits once.
    std::int64_t created_ms = 0;
};

}  // namespace capstan::data
