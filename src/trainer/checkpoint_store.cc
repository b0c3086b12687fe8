#include "trainer/checkpoint_store.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"

namespace capstan::trainer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kTemporaryPrefix = "tmp-";
constexpr std::uint64_t kManifestBytesMax = 1 << 20;

std::string folder_name(std::string_view prefix, std::int64_t step) {
    return fmt::format("{}{:09}", prefix, step);
}

std::optional<std::int64_t> step_of(std::string_view name) {
    if (!name.starts_with(kStepPrefix)) {
        return std::nullopt;
    }
    name.remove_prefix(kStepPrefix.size());
    std::int64_t step = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
    return error == std::errc() && end == name.data() + name.size() && step >= 0 ? std::optional(step)
                                                                                 : std::nullopt;
}

Error broken(std::string why) {
    return {ErrorCode::kInvalid, std::move(why)};
}

Result<void> rename_folder(const fs::path& from, const fs::path& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format(
                "cannot rename {} to {}: {}",
                from.string(),
                to.string(),
                std::generic_category().message(errno)
            )
        };
    }
    return sync_folder(to.parent_path());
}

Result<void> verify_file(const fs::path& path, const Json& entry) {
    const auto file = MappedFile::open(path);
    if (!file) {
        return broken(file.error().message);
    }
    const auto name = path.filename().string();
    if (static_cast<std::int64_t>(file->bytes().size()) != entry.int_or("bytes", -1)) {
        return broken(fmt::format("{} has {} bytes, not what the manifest says", name, file->bytes().size()));
    }
    if (sha256_hex(file->bytes()) != entry.string_or("sha256", "")) {
        return broken(fmt::format("{} does not match its SHA-256", name));
    }
    return {};
}

Result<std::string> write_manifest(const fs::path& folder, const CheckpointStore::Files& files) {
    Json entries = Json::object();
    for (const auto& [name, sha256] : files) {
        std::error_code failed;
        const auto bytes = fs::file_size(folder / name, failed);
        if (failed) {
            return Error{
                ErrorCode::kUnavailable, fmt::format("{}: {}", (folder / name).string(), failed.message())
            };
        }
        entries.set(name, Json::object({{"bytes", bytes}, {"sha256", sha256}}));
    }
    std::string text = Json::object({{"schema", 1}, {"files", std::move(entries)}}).dump_pretty();
    if (auto written = replace_file(folder / "MANIFEST.json", text); !written) {
        return written.error();
    }
    return sha256_hex(text);
}

}  // namespace

Result<void> verify_checkpoint(const fs::path& folder) {
    const auto marker = read_file(folder / "COMPLETE", kManifestBytesMax);
    if (!marker) {
        return broken("it has no COMPLETE marker: it was interrupted");
    }
    const auto text = read_file(folder / "MANIFEST.json", kManifestBytesMax);
    if (!text || sha256_hex(*text) != *marker) {
        return broken("MANIFEST.json is missing or does not match COMPLETE");
    }
    const auto manifest = parse_json(*text);
    const auto* files = manifest ? (*manifest)["files"].as_object() : nullptr;
    if (files == nullptr) {
        return broken("MANIFEST.json names no files");
    }
    for (const auto& [name, entry] : *files) {
        if (name.find('/') != std::string::npos) {
            return broken("MANIFEST.json names a file elsewhere");
        }
        if (auto good = verify_file(folder / name, entry); !good) {
            return good;
        }
    }
    return {};
}

Result<void> CheckpointStore::save(std::int64_t step, const WriteFiles& write) const {
    const fs::path temporary = folder_ / folder_name(kTemporaryPrefix, step);
    const fs::path final_folder = folder_ / folder_name(kStepPrefix, step);
    for (const auto& folder : {temporary, final_folder}) {
        if (auto removed = remove_tree(folder); !removed) {
            return removed;
        }
    }
    if (auto created = create_folders(temporary); !created) {
        return created;
    }
    const auto files = write(temporary);
    if (!files) {
        return files.error();
    }
    const auto manifest = write_manifest(temporary, *files);
    if (!manifest) {
        return manifest.error();
    }
    if (auto synced = sync_folder(temporary); !synced) {
        return synced;
    }
    if (auto renamed = rename_folder(temporary, final_folder); !renamed) {
        return renamed;
    }
    if (auto marked = replace_file(final_folder / "COMPLETE", *manifest); !marked) {
        return marked;
    }
    return remove_old();
}

Result<std::vector<std::int64_t>> CheckpointStore::steps() const {
    std::vector<std::int64_t> steps;
    std::error_code failed;
    fs::directory_iterator entry(folder_, failed);
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
        if (const auto step = step_of(entry->path().filename().string())) {
            steps.push_back(*step);
        }
    }
    if (failed && failed != std::errc::no_such_file_or_directory) {
        return Error{ErrorCode::kUnavailable, fmt::format("{}: {}", folder_.string(), failed.message())};
    }
    std::ranges::sort(steps, std::greater());
    return steps;
}

Result<CheckpointSearch> CheckpointStore::newest(const Accept& accept) const {
    const auto found = steps();
    if (!found) {
        return found.error();
    }
    CheckpointSearch search;
    for (const std::int64_t step : *found) {
        const auto name = folder_name(kStepPrefix, step);
        auto good = verify_checkpoint(folder_ / name);
        if (good) {
            good = accept(folder_ / name);
        }
        if (good) {
            search.step = step;
            return search;
        }
        log_warning("checkpoint skipped", {{"checkpoint", name}, {"reason", good.error().message}});
        search.skipped.push_back({name, good.error().message});
    }
    return search;
}

// Keeps the newest `kept_` that have their marker; the unmarked are crash remains and go, like temporary
// ones.
Result<void> CheckpointStore::remove_old() const {
    const auto found = steps();
    if (!found) {
        return found.error();
    }
    std::int64_t whole = 0;
    for (const std::int64_t step : *found) {
        const auto path = folder_ / folder_name(kStepPrefix, step);
        std::error_code failed;
        if (fs::exists(path / "COMPLETE", failed) && ++whole <= kept_) {
            continue;
        }
        if (auto removed = remove_tree(path); !removed) {
            return removed;
        }
    }
    std::error_code failed;
    for (fs::directory_iterator entry(folder_, failed); !failed && entry != fs::directory_iterator();
         entry.increment(failed)) {
        if (entry->path().filename().string().starts_with(kTemporaryPrefix)) {
            if (auto removed = remove_tree(entry->path()); !removed) {
                return removed;
            }
        }
    }
    return {};
}

}  // namespace capstan::trainer
