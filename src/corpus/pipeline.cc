#include "corpus/pipeline.h"

#include <array>
#include <optional>

#include "base/file.h"
#include "corpus/stage.h"

namespace capstan::corpus {
namespace {

constexpr std::array<std::string_view, 4> kSplits = {"train", "heldout", "pairs-train", "pairs-heldout"};

constexpr std::array<std::string_view, 3> kWorkStages = {"read", "clean", "dedup"};
constexpr std::uint64_t kResultBytesMax = std::uint64_t{256} << 20;

Json shards_of(std::string_view split, const std::vector<Shard>& files) {
    Json shards(Json::Array{});
    for (const auto& file : files) {
        if (belongs_to(split, file)) {
            Shard shard = file;
            shard.name = "out/" + file.name;
            shards.push(to_json(shard));
        }
    }
    return shards;
}

Json result_of(const std::vector<Json>& reports, const std::vector<Shard>& files) {
    Json splits = Json::object();
    for (const auto split : kSplits) {
        splits.set(split, shards_of(split, files));
    }
    return Json::object({{"splits", std::move(splits)}, {"report", Json::object({{"steps", Json(reports)}})}}
    );
}

std::filesystem::path result_file(const StageContext& context) {
    return context.directory.work() / "built.json";
}

// What an earlier process of this job had built, when all of it is still there.
std::optional<Json> kept_result(const StageContext& context) {
    const auto text = read_file(result_file(context), kResultBytesMax);
    const auto json = text ? parse_json(*text) : Result<Json>(text.error());
    const bool is_done = json && json->string_or("fingerprint", "?") == context.spec.fingerprint &&
                         finished_stage(context, "write", context.directory.out());
    return is_done ? std::optional((*json)["result"]) : std::nullopt;
}

// From here on the stages' own files are not needed.
Result<void> keep_result(const StageContext& context, const Json& result) {
    const Json content = Json::object({{"fingerprint", context.spec.fingerprint}, {"result", result}});
    auto kept = replace_file(result_file(context), content.dump());
    for (const auto stage : kWorkStages) {
        kept = kept ? remove_tree(context.folder_of(stage)) : kept;
    }
    return kept;
}

}  // namespace

Result<Json> build(const BuildSpec& spec, const JobDirectory& directory, const OnProgress& on_progress) {
    const StageContext context{spec, directory, on_progress};
    if (auto ready = create_folders(directory.work()); !ready) {
        return ready.error();
    }
    if (auto kept = kept_result(context)) {
        return *std::move(kept);
    }
    context.report(1, 0);
    const auto read =
        run_stage(context, "read", context.folder_of("read"), [&] { return run_read(context); });
    if (!read) {
        return read.error();
    }
    context.report(2, 0);
    const auto clean =
        run_stage(context, "clean", context.folder_of("clean"), [&] { return run_clean(context, *read); });
    if (!clean) {
        return clean.error();
    }
    context.report(3, 0);
    const auto dedup = run_stage(context, "dedup", context.folder_of("dedup"), [&] {
        return run_dedup(context, *read, *clean);
    });
    if (!dedup) {
        return dedup.error();
    }
    context.report(4, 0);
    const auto written =
        run_stage(context, "write", directory.out(), [&] { return run_write(context, *dedup); });
    if (!written) {
        return written.error();
    }
    Json result = result_of({read->report, clean->report, dedup->report, written->report}, written->files);
    if (auto kept = keep_result(context, result); !kept) {
        return kept.error();
    }
    return result;
}

}  // namespace capstan::corpus
