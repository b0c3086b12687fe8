#pragma once

// What may be done with models and tokenizers.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "platform/sql/database.h"
#include "registry/model.h"

namespace capstan::registry {

struct NewVersion {
    std::string project_id;
    std::string model;  // By name: letters, digits, '.', '_' and '-', at most 100; made when it is new.
    std::string description;
    VersionKind kind = VersionKind::kFull;
    std::optional<std::string> base_version_id;  // Of an adapter, which must have one.
    std::optional<std::string> run_id;           // The same run registers once under a model.
    std::int64_t parameters = 0;
    Json scores = Json::object();
    std::vector<ModelFile> files;  // At least one; in the object store already.
};

struct ModelDetail {
    Model model;
    std::optional<Version> latest;
    std::map<std::string, std::int64_t> aliases;
};

// Thread-safe. Blocking. The calls that end in _in work inside a transaction of the caller.
class ModelService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        IdSource next_id;
        ClockMs now_ms;
    };

    explicit ModelService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // The next version of the model; or, for a run that is registered there already, its version.
    Result<Version> register_version(const NewVersion& asked);
    Result<Version> register_version_in(soci::session& session, const NewVersion& asked);

    Result<std::vector<ModelDetail>> list(std::string_view project_id, std::string_view cursor, int rows_max);
    Result<ModelDetail> get(std::string_view project_id, std::string_view name);
    // Newest first; `before` is a number, 0 for the start.
    Result<std::vector<Version>> versions(
        std::string_view project_id, std::string_view name, std::int64_t before, int rows_max
    );
    Result<Version> version(std::string_view project_id, std::string_view id);
    Result<Version> version_by_number(
        std::string_view project_id, std::string_view name, std::int64_t number
    );

    // Adds scores (replacing those of the same names), and the status when one is given.
    struct Assessment {
        Json scores = Json::object();
        std::optional<VersionStatus> status;
    };

    Result<Version> assess(std::string_view project_id, std::string_view id, const Assessment& assessment);

    // Points the alias at a version that exists. An alias is a name like a model's.
    struct AliasAsk {
        std::string model;
        std::string alias;
        std::int64_t number = 0;
    };

    Result<void> set_alias(std::string_view project_id, const AliasAsk& ask);

    Tokenizer register_tokenizer_in(soci::session& session, Tokenizer fresh);  // Fills id and time.
    Result<Tokenizer> tokenizer(std::string_view project_id, std::string_view id);
    Result<std::vector<Tokenizer>> tokenizers(
        std::string_view project_id, std::string_view cursor, int rows_max
    );

private:
    Inputs inputs_;
};

}  // namespace capstan::registry
