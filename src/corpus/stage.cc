#include "corpus/stage.h"

#include <array>
#include <system_error>

#include "base/file.h"

namespace capstan::corpus {
namespace {

constexpr std::array<std::string_view, 4> kStages = {
    "reading and normalising",
    "removing boilerplate, poor text and exact duplicates",
    "removing near duplicates and personal data",
    "removing contamination, making pairs, writing"
};
constexpr std::uint64_t kMarkerBytesMax = std::uint64_t{64} << 20;

std::filesystem::path marker_of(const StageContext& context, std::string_view name) {
    return context.directory.work() / (std::string(name) + ".done.json");
}

bool is_there(const std::filesystem::path& folder, const Shard& file) {
    std::error_code error;
    return std::filesystem::file_size(folder / file.name, error) == file.bytes && !error;
}

}  // namespace

void StageContext::report(int number, std::uint64_t records) const {
    if (on_progress) {
        on_progress(
            {.step = number,
             .steps_total = kStages.size(),
             .message = std::string(kStages[static_cast<std::size_t>(number) - 1]),
             .metrics = {{"records", static_cast<double>(records)}}}
        );
    }
}

StreamSettings StageContext::stream(
    std::string_view stage, const StageOutcome& outcome, std::string_view prefix, int number
) const {
    StreamSettings settings{.files = {}, .threads = spec.threads, .on_batch = {}};
    for (const auto& file : outcome.files) {
        if (belongs_to(prefix, file)) {
            settings.files.push_back(folder_of(stage) / file.name);
        }
    }
    settings.on_batch = [this, number](std::uint64_t records) { report(number, records); };
    return settings;
}

std::optional<StageOutcome> finished_stage(
    const StageContext& context, std::string_view name, const std::filesystem::path& folder
) {
    const auto text = read_file(marker_of(context, name), kMarkerBytesMax);
    const auto json = text ? parse_json(*text) : Result<Json>(text.error());
    if (!json || json->string_or("fingerprint", "?") != context.spec.fingerprint) {
        return std::nullopt;
    }
    StageOutcome outcome{.files = {}, .report = (*json)["report"]};
    const auto* files = (*json)["files"].as_array();
    if (files == nullptr) {
        return std::nullopt;
    }
    for (const auto& one : *files) {
        auto file = shard_from(one);
        if (!file || !is_there(folder, *file)) {
            return std::nullopt;
        }
        outcome.files.push_back(*std::move(file));
    }
    return outcome;
}

Result<StageOutcome> run_stage(
    const StageContext& context,
    std::string_view name,
    const std::filesystem::path& folder,
    const std::function<Result<StageOutcome>()>& run
) {
    if (auto finished = finished_stage(context, name, folder)) {
        return *std::move(finished);
    }
    const auto marker = marker_of(context, name);
    for (const auto& old : {marker, folder}) {
        if (auto removed = remove_tree(old); !removed) {
            return removed.error();
        }
    }
    if (auto created = create_folders(folder); !created) {
        return created.error();
    }
    auto outcome = run();
    if (!outcome) {
        return with_context(std::string(name), outcome.error());
    }
    Json files(Json::Array{});
    for (const auto& file : outcome->files) {
        files.push(to_json(file));
    }
    const Json content = Json::object(
        {{"fingerprint", context.spec.fingerprint}, {"files", std::move(files)}, {"report", outcome->report}}
    );
    if (auto marked = replace_file(marker, content.dump_pretty()); !marked) {
        return marked.error();
    }
    return outcome;
}

Json step_report(std::string_view name, const Flow& in, const Flow& out, const DropLog& dropped) {
    return Json::object(
        {{"name", name},
         {"records_in", in.records},
         {"bytes_in", in.bytes},
         {"records_out", out.records},
         {"bytes_out", out.bytes},
         {"dropped", dropped.to_json()}}
    );
}

}  // namespace capstan::corpus
