#pragma once

// Checkpoints on disk: one folder a step, which is either whole or not looked at.
//
//   step-000000120/        written as tmp-000000120, renamed when all is on the disk
//     model.safetensors …  what the caller wrote
//     MANIFEST.json        size and SHA-256 of each file
//     COMPLETE             the SHA-256 of MANIFEST.json; written last, after the rename
//
// A process may be killed at any moment, also by power loss: what has no COMPLETE, or does not match it, is
// skipped by `newest`, with the reason.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace capstan::trainer {

struct SkippedCheckpoint {
    std::string name;
    std::string reason;
};

struct CheckpointSearch {
    std::optional<std::int64_t> step;        // Of the newest good one.
    std::vector<SkippedCheckpoint> skipped;  // Newer ones, newest first.
};

class CheckpointStore {
public:
    // Name to SHA-256 (hex) of each file, written and synced into `folder`.
    using Files = std::map<std::string, std::string>;
    using WriteFiles = std::function<Result<Files>(const std::filesystem::path& folder)>;
    using Accept = std::function<Result<void>(const std::filesystem::path& folder)>;

    //   kept  Whole checkpoints to keep; `save` removes older ones.
    CheckpointStore(std::filesystem::path folder, std::int64_t kept)
        : folder_(std::move(folder)), kept_(kept) {}

    // Durable when it returns. Replaces a checkpoint of the same step.
    Result<void> save(std::int64_t step, const WriteFiles& write) const;

    // Looks from the newest to the oldest for one that is whole and that `accept` takes (loads). An error
    // here means that the folder itself cannot be read.
    Result<CheckpointSearch> newest(const Accept& accept) const;

private:
    std::filesystem::path folder_;
    std::int64_t kept_;

    Result<std::vector<std::int64_t>> steps() const;  // Newest first.
    Result<void> remove_old() const;
};

// Whether the folder is whole; otherwise what is wrong with it.
Result<void> verify_checkpoint(const std::filesystem::path& folder);

}  // namespace capstan::trainer
