#include "platform/jobs/job_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/utf8.h"

namespace capstan::jobs {
namespace {

constexpr std::size_t kOutputBytesMax = std::size_t{1} << 20;
constexpr std::size_t kLastWordsBytesMax = 500;

std::string describe(const AttemptStatus& status) {
    std::string how = "ended nobody knows how";
    if (status.signal) {
        how = fmt::format("was ended by signal {} ({})", *status.signal, ::strsignal(*status.signal));
    } else if (status.exit_code) {
        how = fmt::format("ended with exit code {}", *status.exit_code);
    }
    return status.reason.empty() ? how : how + " (" + status.reason + ")";
}

}  // namespace

Result<OutputPart> JobFolders::output(
    std::string_view job_id, OutputStream stream, std::int64_t offset, std::size_t bytes_max
) const {
    const auto path =
        folder_ / job_id / (stream == OutputStream::kStandardOutput ? "stdout.log" : "stderr.log");
    auto file = open_file(path, O_RDONLY);
    if (!file && file.error().code == ErrorCode::kNotFound) {
        return OutputPart{
            .text = "", .next_offset = static_cast<std::uint64_t>(std::max<std::int64_t>(offset, 0))
        };
    }
    if (!file) {
        return file.error();
    }
    struct stat status{};
    if (::fstat(file->get(), &status) != 0) {
        return Error{ErrorCode::kUnavailable, "cannot read " + path.string()};
    }
    const std::int64_t size = status.st_size;
    const std::int64_t begin =
        offset >= 0 ? std::min(offset, size) : std::max<std::int64_t>(size + offset, 0);
    const auto wanted = std::min({static_cast<std::size_t>(size - begin), bytes_max, kOutputBytesMax});
    std::string bytes(wanted, '\0');
    std::size_t used = 0;
    while (used < bytes.size()) {
        const ssize_t got =
            ::pread(file->get(), bytes.data() + used, bytes.size() - used, begin + static_cast<off_t>(used));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        used += static_cast<std::size_t>(got);
    }
    bytes.resize(used);
    const std::size_t tail = utf8_incomplete_tail(bytes);
    if (tail < bytes.size(
               )) {  // Else these bytes are all there is of it: show them broken rather than wait for ever.
        bytes.resize(bytes.size() - tail);
    }
    return OutputPart{
        .text = to_utf8(bytes), .next_offset = static_cast<std::uint64_t>(begin) + bytes.size()
    };
}

std::optional<AttemptEnd> JobFolders::unrecorded_end(const Job& job) const {
    auto result = of(job.id).read_result();
    if (!result && result.error().code == ErrorCode::kNotFound) {
        // Nothing was left, or the process itself says "not_found": the file tells.
        std::error_code failure;
        if (!std::filesystem::exists(of(job.id).path() / "result.json", failure)) {
            return std::nullopt;
        }
    }
    const bool may_retry = !result && could_mend(result.error().code);
    return AttemptEnd{.result = std::move(result), .may_retry = may_retry};
}

AttemptEnd JobFolders::end_of(const Job& job, const AttemptStatus& status) const {
    AttemptEnd end{.exit_code = status.exit_code, .signal = status.signal};
    const auto left = unrecorded_end(job);
    if (left && !left->result) {
        end.result = left->result.error();
        end.may_retry = left->may_retry;
    } else if (status.exit_code == 0) {
        end.result = left ? left->result : Result<Json>(Json());
    } else {
        const std::string words = last_words(job);
        const std::string message = "its process " + describe(status) + (words.empty() ? "" : ": " + words);
        end.result = Error{ErrorCode::kInternal, message};
    }
    return end;
}

std::string JobFolders::last_words(const Job& job) const {
    const auto part = output(job.id, OutputStream::kStandardError, -2'000, 2'000);
    std::string_view text = part ? std::string_view(part->text) : std::string_view();
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    text.remove_prefix(text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1);
    std::string line = to_utf8(text.substr(text.size() - std::min(text.size(), kLastWordsBytesMax)));
    std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    return line;
}

Result<void> JobFolders::put_result_aside(const Job& job) const {
    const auto folder = of(job.id).path();
    const auto aside = folder / fmt::format("result.attempt-{}.json", job.attempt);
    std::error_code failure;
    std::filesystem::rename(folder / "result.json", aside, failure);
    if (failure && failure != std::errc::no_such_file_or_directory) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("cannot rename the result in {}: {}", folder.string(), failure.message())
        };
    }
    return failure ? Result<void>() : sync_folder(folder);
}

Result<int> JobFolders::sweep(const std::function<bool(const std::string& job_id)>& may_go) const {
    std::error_code failure;
    int count = 0;
    for (std::filesystem::directory_iterator entry(folder_, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (!is_uuid(name) || !may_go(name)) {
            continue;
        }
        if (auto removed = remove_tree(entry->path()); removed) {
            count += 1;
        } else {
            log_warning(
                "cannot remove the folder of a job", {{"job", name}, {"reason", removed.error().message}}
            );
        }
    }
    return count;
}

}  // namespace capstan::jobs
