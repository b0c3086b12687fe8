#pragma once

// The directory through which a job's process and its supervisor talk: the specification goes in, progress
// and the result come out. Both sides, and jobs that run under another scheduler, see only files.
//
// * spec.json: what to do; written once, before the process starts.
// * progress.jsonl: one line a report, appended; a torn last line is ignored.
// * result.json: {"ok": true, "value": …} or {"ok": false, "error": {"code", "message"}}; whole or absent.
// * out/: files that the result names, by paths relative to out/.
// * work/: the job's own state, for starting again after a crash.
// * stdout.log, stderr.log: what the process said; written by the supervisor.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan {

struct JobProgress {
    std::int64_t time_ms = 0;      // When it was reported.
    std::int64_t step = 0;         // Of steps_total, in the job's own unit.
    std::int64_t steps_total = 0;  // 0: unknown.
    std::string message;           // For a person: what is being done.
    std::map<std::string, double> metrics;
};

class JobDirectory {
public:
    explicit JobDirectory(std::filesystem::path path) : path_(std::move(path)) {}

    const std::filesystem::path& path() const { return path_; }

    std::filesystem::path out() const { return path_ / "out"; }

    std::filesystem::path work() const { return path_ / "work"; }

    // The path of what a result names, `relative` to this folder. kInvalid for what is, or leads, outside of
    // it; kNotFound when it is not there.
    Result<std::filesystem::path> inside(std::string_view relative) const;

    // The supervisor's side. `create` makes the folders and writes the specification durably.
    Result<void> create(const Json& spec) const;
    // Whole reports from byte `offset` of progress.jsonl on, at most 4 MiB of them; moves `offset` behind
    // them. Bad lines are skipped. Starts over when the file has become shorter than `offset`.
    Result<std::vector<JobProgress>> read_progress(std::uint64_t& offset) const;
    // What the process left; its own error when it said "ok": false; kNotFound when it left no result.
    Result<Json> read_result() const;

    // The process's side.
    Result<Json> read_spec() const;
    Result<void> report(const JobProgress& progress) const;  // One append, not synced. `time_ms` 0 means now.
    Result<void> write_result(const Result<Json>& result) const;

private:
    std::filesystem::path path_;
};

// From now on SIGTERM and SIGINT set a flag instead of ending the process; the job asks at its next safe
// point.
void catch_stop_signals();
bool stop_requested();

}  // namespace capstan
