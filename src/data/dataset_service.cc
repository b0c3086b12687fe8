#include "data/dataset_service.h"

#include <algorithm>

#include <fmt/format.h>

#include "data/dataset_store.h"
#include "platform/objects/materialise.h"

namespace capstan::data {
namespace {

constexpr std::size_t kNameBytesMax = 200;
constexpr std::int64_t kSamplesMax = 200;

const Split* find_split(const Manifest& manifest, std::string_view name) {
    const auto found = std::ranges::find(manifest.splits, name, &Split::name);
    return found != manifest.splits.end() ? &*found : nullptr;
}

// Calls `visit` with each line of a shard, without its newline, until it returns false. True when all were
// visited.
bool each_line(std::string_view text, const std::function<bool(std::string_view line)>& visit) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0 && !visit(text.substr(0, end))) {
            return false;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return true;
}

}  // namespace

Result<std::string> DatasetService::put_manifest(const Manifest& manifest) {
    auto stored = inputs_.objects.put(to_json(manifest).dump());
    if (!stored) {
        return stored.error();
    }
    return stored->id;
}

Result<Dataset> DatasetService::find_or_make(soci::session& session, const Dataset& asked) {
    if (asked.name.empty() || asked.name.size() > kNameBytesMax) {
        return Error{ErrorCode::kInvalid, fmt::format("a dataset's name has 1 to {} bytes", kNameBytesMax)};
    }
    if (asked.kind != "text" && asked.kind != "pairs") {
        return Error{ErrorCode::kInvalid, "a dataset's kind is text or pairs"};
    }
    Dataset dataset = find_or_insert_dataset(session, asked);
    if (dataset.kind != asked.kind) {
        return Error{
            ErrorCode::kConflict,
            fmt::format("dataset '{}' holds {}, not {}", dataset.name, dataset.kind, asked.kind)
        };
    }
    return dataset;
}

Result<Dataset> DatasetService::ensure_in(
    soci::session& session, std::string_view project_id, std::string_view name, std::string_view kind
) {
    return find_or_make(
        session,
        {.id = inputs_.next_id(),
         .project_id = std::string(project_id),
         .name = std::string(name),
         .kind = std::string(kind),
         .created_ms = inputs_.now_ms()}
    );
}

Result<Commit> DatasetService::commit_in(soci::session& session, const NewCommit& asked) {
    const auto made = find_or_make(
        session,
        {.id = inputs_.next_id(),
         .project_id = asked.project_id,
         .name = asked.dataset,
         .kind = asked.kind,
         .description = asked.description,
         .created_ms = inputs_.now_ms()}
    );
    if (!made) {
        return made.error();
    }
    const Dataset& dataset = *made;
    const auto parent = find_latest_commit(session, dataset.id);
    Commit fresh{
        .id = inputs_.next_id(),
        .project_id = asked.project_id,
        .dataset_id = dataset.id,
        .parent_id = parent ? std::optional(parent->id) : std::nullopt,
        .message = asked.message,
        .manifest_object = asked.manifest_object,
        .source_key = asked.source_key,
        .created_ms = inputs_.now_ms(),
    };
    for (const Split& split : asked.manifest.splits) {
        fresh.records += split.records();
        fresh.bytes += split.bytes();
    }
    return find_or_insert_commit(session, fresh);
}

Result<Commit> DatasetService::commit(NewCommit asked) {
    auto object = put_manifest(asked.manifest);
    if (!object) {
        return object.error();
    }
    asked.manifest_object = std::move(*object);
    return inputs_.database.transact([&](soci::session& session) { return commit_in(session, asked); });
}

Result<std::vector<DatasetWithCommit>> DatasetService::list(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<DatasetWithCommit>> {
        std::vector<DatasetWithCommit> found;
        for (Dataset& dataset : list_datasets(session, project_id, cursor, rows_max)) {
            auto latest = find_latest_commit(session, dataset.id);
            found.push_back({std::move(dataset), std::move(latest)});
        }
        return found;
    });
}

Result<DatasetWithCommit> DatasetService::get(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) -> Result<DatasetWithCommit> {
        auto dataset = find_dataset(session, project_id, id);
        if (!dataset) {
            return dataset.error();
        }
        auto latest = find_latest_commit(session, id);
        return DatasetWithCommit{std::move(*dataset), std::move(latest)};
    });
}

Result<std::vector<Commit>> DatasetService::commits(
    std::string_view project_id, std::string_view dataset_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<Commit>> {
        if (auto dataset = find_dataset(session, project_id, dataset_id); !dataset) {
            return dataset.error();
        }
        return list_commits(session, dataset_id, cursor, rows_max);
    });
}

Result<CommitDetail> DatasetService::commit_detail(std::string_view project_id, std::string_view id) {
    auto found = inputs_.database.read([&](soci::session& session) -> Result<CommitDetail> {
        auto commit = find_commit(session, project_id, id);
        if (!commit) {
            return commit.error();
        }
        auto dataset = find_dataset(session, project_id, commit->dataset_id);
        if (!dataset) {
            return dataset.error();
        }
        return CommitDetail{std::move(*commit), std::move(*dataset), {}};
    });
    if (!found) {
        return found;
    }
    const auto text = inputs_.objects.get(found->commit.manifest_object);
    const auto json = text ? parse_json(*text) : Result<Json>(text.error());
    auto manifest = json ? manifest_from(*json) : Result<Manifest>(json.error());
    if (!manifest) {
        return with_context("the manifest of commit " + std::string(id), manifest.error());
    }
    found->manifest = std::move(*manifest);
    return found;
}

Result<Samples> DatasetService::samples(
    std::string_view project_id, std::string_view commit_id, const SampleAsk& ask
) {
    if (ask.limit < 1 || ask.limit > kSamplesMax || ask.offset < 0) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("'limit' must be from 1 to {} and 'offset' at least 0", kSamplesMax)
        };
    }
    const auto detail = commit_detail(project_id, commit_id);
    if (!detail) {
        return detail.error();
    }
    const Split* split = find_split(detail->manifest, ask.split);
    if (split == nullptr) {
        return Error{ErrorCode::kNotFound, fmt::format("commit {} has no split '{}'", commit_id, ask.split)};
    }
    Samples samples{.records = {}, .total = split->records()};
    std::int64_t skip = ask.offset;
    for (const Shard& shard : split->shards) {
        if (skip >= shard.records) {
            skip -= shard.records;
            continue;
        }
        const auto text = inputs_.objects.get(shard.object);
        if (!text) {
            return text.error();
        }
        const bool wants_more = each_line(*text, [&](std::string_view line) {
            if (skip > 0) {
                skip -= 1;
                return true;
            }
            if (auto record = parse_json(line)) {
                samples.records.push_back(std::move(*record));
            }
            return std::ssize(samples.records) < ask.limit;
        });
        if (!wants_more) {
            break;
        }
    }
    return samples;
}

Result<void> DatasetService::each_record(
    const Manifest& manifest,
    std::string_view split_name,
    const std::function<bool(const Json& record)>& visit
) {
    const Split* split = find_split(manifest, split_name);
    if (split == nullptr) {
        return Error{ErrorCode::kNotFound, fmt::format("the dataset has no split '{}'", split_name)};
    }
    for (const Shard& shard : split->shards) {
        const auto text = inputs_.objects.get(shard.object);
        if (!text) {
            return text.error();
        }
        const bool wants_more = each_line(*text, [&](std::string_view line) {
            const auto record = parse_json(line);
            return !record || visit(*record);
        });
        if (!wants_more) {
            return {};
        }
    }
    return {};
}

Result<std::vector<std::filesystem::path>> DatasetService::shard_files(
    const Manifest& manifest, std::string_view split_name, const std::filesystem::path& folder
) {
    const Split* split = find_split(manifest, split_name);
    if (split == nullptr) {
        return Error{ErrorCode::kNotFound, fmt::format("the dataset has no split '{}'", split_name)};
    }
    std::vector<std::filesystem::path> files;
    for (const Shard& shard : split->shards) {
        auto file = objects::materialise_file(inputs_.objects, shard.object, folder, ".jsonl");
        if (!file) {
            return file.error();
        }
        files.push_back(std::move(*file));
    }
    return files;
}

}  // namespace capstan::data
