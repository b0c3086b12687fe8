#pragma once

// Runs over the records of a file of ours, some megabytes at a time: work on several threads, then the
// results one after the other in the file's order.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "corpus/parallel.h"
#include "corpus/record.h"

namespace capstan::corpus {

struct StreamSettings {
    std::vector<std::filesystem::path> files;  // Record lines, in this order.
    std::size_t threads = 2;
    std::function<void(std::uint64_t records)> on_batch;  // After each batch: how many were done.
};

// Calls `work` with the lines of one batch after another. Ends with kCancelled after stop_requested().
Result<void> for_each_batch(
    const StreamSettings& settings, const std::function<Result<void>(const std::vector<std::string>&)>& work
);

// work(record) -> T runs on any thread, in any order; merge(T) -> Result<void> in the file's order on this
// one. T is default-constructible.
template <typename T, typename Work, typename Merge>
Result<void> map_records(const StreamSettings& settings, const Work& work, const Merge& merge) {
    return for_each_batch(settings, [&](const std::vector<std::string>& lines) -> Result<void> {
        std::vector<std::optional<T>> results(lines.size());
        parallel_for(lines.size(), settings.threads, [&](std::size_t i) {
            const auto json = parse_json(lines[i]);
            if (auto record = json ? record_from(*json) : Result<Record>(json.error()); record) {
                results[i] = work(*std::move(record));
            }
        });
        for (auto& result : results) {
            if (!result) {
                return Error{
                    ErrorCode::kInternal, "a file of this job's own was changed: start the job anew"
                };
            }
            if (auto merged = merge(*std::move(result)); !merged) {
                return merged;
            }
        }
        return {};
    });
}

}  // namespace capstan::corpus
