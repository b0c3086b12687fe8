#include "curation/curation_service.h"

#include <set>
#include <vector>

#include "base/job_directory.h"
#include "corpus/build_spec.h"
#include "curation/curation_job.h"

namespace capstan::curation {
namespace {

constexpr std::size_t kNameBytesMax = 190;
constexpr std::int64_t kRunMsMax = 4LL * 3600 * 1000;

// One dataset of the job's outcome: which of its splits become which splits of the commit.
struct Part {
    std::string suffix;  // Of the dataset's name.
    std::string kind;
    std::vector<std::pair<std::string, std::string>> splits;  // The job's name → the commit's.
};

const std::vector<Part> kParts = {
    {"", "text", {{"train", "train"}, {"heldout", "heldout"}}},
    {"-pairs", "pairs", {{"pairs-train", "train"}, {"pairs-heldout", "heldout"}}},
};

constexpr std::string_view kSubject = "dataset:";

std::string dataset_of(const jobs::Job& job) {
    return job.subject.substr(kSubject.size());
}

// Puts the shards of one split into the store.
Result<data::Split> store_split(
    objects::ObjectStore& store, const JobDirectory& directory, std::string name, const Json& shards
) {
    data::Split split{.name = std::move(name), .shards = {}};
    for (std::size_t i = 0; shards.as_array() != nullptr && i < shards.as_array()->size(); ++i) {
        const Json& shard = (*shards.as_array())[i];
        const auto path = directory.inside(shard.string_or("path", ""));
        const auto stored = path ? store.put_file(*path) : Result<objects::ObjectInfo>(path.error());
        if (!stored) {
            return stored.error();
        }
        if (stored->id != shard.string_or("sha256", "")) {
            return Error{
                ErrorCode::kInternal, "shard " + shard.string_or("path", "") + " is not what the job wrote"
            };
        }
        split.shards.push_back({stored->id, shard.int_or("records", 0), shard.int_or("bytes", 0)});
    }
    return split;
}

// The commit, and a node for each source that the recipe names.
lineage::Graph lineage_of(const data::Commit& commit, const std::string& name, const Json& recipe) {
    lineage::Graph graph;
    const std::string node = lineage::node_name("dataset_commit", commit.id);
    graph.nodes.push_back(
        {.name = node,
         .label = name,
         .link = "/datasets/" + commit.dataset_id,
         .detail = Json::object({{"records", commit.records}, {"bytes", commit.bytes}})}
    );
    const auto* sources = recipe["sources"].as_array();
    for (std::size_t i = 0; sources != nullptr && i < sources->size(); ++i) {
        const Json& source = (*sources)[i];
        const std::string id = source.string_or("path", source.string_or("type", "unknown"));
        graph.nodes.push_back(
            {.name = lineage::node_name("source", id), .label = id, .link = "", .detail = source}
        );
        graph.edges.push_back({node, lineage::node_name("source", id), "curated_from"});
    }
    return graph;
}

}  // namespace

CurationService::CurationService(Inputs inputs) : inputs_(std::move(inputs)) {
    jobs::JobHooks hooks;
    hooks.prepare = [this](const jobs::Job& job) { return prepare(job); };
    hooks.record = [this](soci::session& session, const jobs::Job& job, const Json& prepared) {
        return record(session, job, prepared);
    };
    inputs_.jobs.on_finished(std::string(kCurationJob), std::move(hooks));
}

Result<StartedCuration> CurationService::submit(const NewCuration& asked) {
    if (asked.name.empty() || asked.name.size() > kNameBytesMax) {
        return Error{ErrorCode::kInvalid, "'name' must have 1 to 190 bytes"};
    }
    if (auto spec = corpus::build_spec_from(asked.spec); !spec) {
        return spec.error();
    }
    const jobs::NewJob job{
        .project_id = asked.project_id,
        .kind = std::string(kCurationJob),
        .subject = std::string(kSubject) + asked.name,
        .idempotency_key =
            asked.idempotency_key.empty() ? std::nullopt : std::optional(asked.idempotency_key),
        .spec = asked.spec,
        .argv = {inputs_.program.string(), "work", std::string(kCurationJob), "--job-dir", "{job_dir}"},
        .limits = {.run_ms_max = kRunMsMax}
    };
    auto started = inputs_.database.transact([&](soci::session& session) -> Result<StartedCuration> {
        auto submitted = inputs_.jobs.submit_in(session, job);
        if (!submitted) {
            return submitted.error();
        }
        if (submitted->kind != kCurationJob) {
            return Error{
                ErrorCode::kConflict,
                "the idempotency key was used before, for the job " + submitted->id + " of kind " +
                    submitted->kind
            };
        }
        auto dataset = inputs_.datasets.ensure_in(session, asked.project_id, dataset_of(*submitted), "text");
        if (!dataset) {
            return dataset.error();
        }
        return StartedCuration{std::move(*submitted), std::move(*dataset)};
    });
    if (started) {
        inputs_.jobs.announce();
    }
    return started;
}

Result<Json> CurationService::prepare(const jobs::Job& job) {
    const JobDirectory directory(inputs_.jobs_folder / job.id);
    const auto result = directory.read_result();
    if (!result) {
        return result;
    }
    Json commits = Json::array();
    for (const Part& part : kParts) {
        data::Manifest manifest{.splits = {}, .recipe = job.spec, .report = (*result)["report"]};
        for (const auto& [from, to] : part.splits) {
            auto split = store_split(inputs_.objects, directory, to, (*result)["splits"][from]);
            if (!split) {
                return split.error();
            }
            manifest.splits.push_back(std::move(*split));
        }
        if (manifest.splits.front().shards.empty()) {
            continue;  // No pairs were asked for, or none could be made.
        }
        auto object = inputs_.datasets.put_manifest(manifest);
        if (!object) {
            return object.error();
        }
        commits.push(Json::object(
            {{"suffix", part.suffix},
             {"kind", part.kind},
             {"manifest", to_json(manifest)},
             {"object", *object}}
        ));
    }
    return Json::object({{"commits", std::move(commits)}});
}

Result<void> CurationService::record(soci::session& session, const jobs::Job& job, const Json& prepared) {
    if (job.state != jobs::JobState::kSucceeded) {
        return {};
    }
    const std::string name = dataset_of(job);
    const auto* commits = prepared["commits"].as_array();
    std::string texts_node;
    for (std::size_t i = 0; commits != nullptr && i < commits->size(); ++i) {
        const Json& part = (*commits)[i];
        auto manifest = data::manifest_from(part["manifest"]);
        if (!manifest) {
            return manifest.error();
        }
        const auto commit = inputs_.datasets.commit_in(
            session,
            {.project_id = job.project_id,
             .dataset = name + part.string_or("suffix", ""),
             .kind = part.string_or("kind", "text"),
             .description = "",
             .message = "curated by job " + job.id,
             .source_key = job.id,
             .manifest = std::move(*manifest),
             .manifest_object = part.string_or("object", "")}
        );
        if (!commit) {
            return commit.error();
        }
        lineage::Graph graph = lineage_of(*commit, name + part.string_or("suffix", ""), job.spec);
        const std::string node = lineage::node_name("dataset_commit", commit->id);
        if (texts_node.empty()) {
            texts_node = node;
        } else {
            graph.edges.push_back({node, texts_node, "derived_from"});
        }
        inputs_.lineage.add_in(session, job.project_id, graph);
    }
    return {};
}

}  // namespace capstan::curation
