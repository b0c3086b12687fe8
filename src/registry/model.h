#pragma once

// Models and their versions; tokenizers.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::registry {

struct Model {
    std::string id;
    std::string project_id;
    std::string name;
    std::string description;
    std::int64_t created_ms = 0;
};

enum class VersionKind { kFull, kAdapter };
enum class VersionStatus { kCandidate, kApproved, kRejected };

std::string_view name_of(VersionKind kind);      // "full", "adapter"
std::string_view name_of(VersionStatus status);  // "candidate", "approved", "rejected"
VersionKind version_kind_from(std::string_view name);
Result<VersionStatus> parse_version_status(std::string_view name);

// A file of a version, in the object store.
struct ModelFile {
    std::string path;  // "model.safetensors"
    std::string object;
    std::int64_t bytes = 0;
};

// One immutable set of files; only its status and scores change.
struct Version {
    std::string id;
    std::string project_id;
    std::string model_id;
    std::string model;        // The model's name.
    std::int64_t number = 0;  // From 1.
    VersionKind kind = VersionKind::kFull;
    VersionStatus status = VersionStatus::kCandidate;
    std::optional<std::string> base_version_id;  // Of an adapter.
    std::optional<std::string> run_id;           // That made it.
    std::int64_t parameters = 0;
    Json scores = Json::object();  // name → number
    std::vector<ModelFile> files;
    std::int64_t created_ms = 0;
};

struct Tokenizer {
    std::string id;
    std::string project_id;
    std::string name;
    std::int64_t vocabulary_size = 0;
    std::string tokenizer_object;  // tokenizer.json
    std::string config_object;     // tokenizer_config.json
    std::string dataset_commit_id;
    std::string job_id;
    std::int64_t created_ms = 0;
};

}  // namespace capstan::registry
