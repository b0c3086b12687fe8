#pragma once

// The folders of jobs, FOLDER/<job id>: what an attempt left there, what a person may read, and when it goes.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/jobs/job.h"
#include "platform/jobs/job_executor.h"
#include "platform/jobs/transitions.h"

namespace capstan::jobs {

enum class OutputStream { kStandardOutput, kStandardError };

struct OutputPart {
    std::string text;               // UTF-8; bytes that are none are U+FFFD. Ends at a whole character.
    std::uint64_t next_offset = 0;  // Ask again from here.
};

class JobFolders {
public:
    explicit JobFolders(std::filesystem::path folder) : folder_(std::move(folder)) {}

    JobDirectory of(std::string_view job_id) const { return JobDirectory(folder_ / job_id); }

    // Output from byte `offset` on, at most `bytes_max`; from a negative offset: that many bytes before the
    // end. Nothing, and no error, when there is none yet.
    Result<OutputPart> output(
        std::string_view job_id, OutputStream stream, std::int64_t offset, std::size_t bytes_max
    ) const;

    // The end that an attempt of `job` left behind but nobody recorded, because the server died meanwhile.
    std::optional<AttemptEnd> unrecorded_end(const Job& job) const;

    // The end of an attempt whose process is over. Success is exit code 0 and, when the process left a
    // result, that it says "ok".
    AttemptEnd end_of(const Job& job, const AttemptStatus& status) const;

    // Puts the result of an attempt that is not the job's last aside, so that it is not taken for the next
    // one's.
    Result<void> put_result_aside(const Job& job) const;

    // Removes the folders of which `may_go` says so; it gets the id. Names that are no ids stay. Returns how
    // many went.
    Result<int> sweep(const std::function<bool(const std::string& job_id)>& may_go) const;

private:
    std::string last_words(const Job& job) const;

    std::filesystem::path folder_;
};

}  // namespace capstan::jobs
