#include "base/job_directory.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

namespace capstan {
namespace {

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler stores it");

constexpr std::uint64_t kResultBytesMax = std::uint64_t{64} << 20;
constexpr std::size_t kProgressReadBytesMax = std::size_t{4} << 20;

void on_stop_signal(int) {
    stop_flag = true;
}

Json to_json(const JobProgress& progress) {
    Json metrics = Json::object();
    for (const auto& [name, value] : progress.metrics) {
        metrics.set(name, value);
    }
    return Json::object(
        {{"time_ms", progress.time_ms != 0 ? progress.time_ms : system_now_ms()},
         {"step", progress.step},
         {"steps_total", progress.steps_total},
         {"message", progress.message},
         {"metrics", std::move(metrics)}}
    );
}

JobProgress progress_from(const Json& json) {
    JobProgress progress{
        .time_ms = json.int_or("time_ms", 0),
        .step = json.int_or("step", 0),
        .steps_total = json.int_or("steps_total", 0),
        .message = json.string_or("message", ""),
        .metrics = {},
    };
    if (const auto* metrics = json["metrics"].as_object()) {
        for (const auto& [name, value] : *metrics) {
            if (const auto number = value.as_double()) {
                progress.metrics[name] = *number;
            }
        }
    }
    return progress;
}

// Up to `bytes_max` bytes from `offset`, which becomes 0 when the file ends before it.
Result<std::string> read_chunk(
    int fd, std::uint64_t& offset, std::size_t bytes_max, const std::filesystem::path& path
) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) {
        return Error{ErrorCode::kUnavailable, "cannot read " + path.string()};
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    offset = size < offset ? 0 : offset;
    std::string bytes(std::min<std::uint64_t>(size - offset, bytes_max), '\0');
    std::size_t used = 0;
    while (used < bytes.size()) {
        const ssize_t got =
            ::pread(fd, bytes.data() + used, bytes.size() - used, static_cast<off_t>(offset + used));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return Error{ErrorCode::kUnavailable, "cannot read " + path.string()};
        }
        if (got == 0) {
            break;  // Cut while we read.
        }
        used += static_cast<std::size_t>(got);
    }
    bytes.resize(used);
    return bytes;
}

ErrorCode error_code_from(std::string_view name) {
    for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
        if (name_of(static_cast<ErrorCode>(code)) == name) {
            return static_cast<ErrorCode>(code);
        }
    }
    return ErrorCode::kInternal;
}

}  // namespace

Result<std::filesystem::path> JobDirectory::inside(std::string_view relative) const {
    std::error_code failure;
    const auto root = std::filesystem::canonical(path_, failure);
    const auto found =
        failure ? std::filesystem::path() : std::filesystem::canonical(root / relative, failure);
    if (failure) {
        return Error{
            ErrorCode::kNotFound,
            "the job's folder has no '" + std::string(relative) + "': " + failure.message()
        };
    }
    const auto inner = found.lexically_relative(root);
    if (relative.empty() || inner.empty() || *inner.begin() == ".." || inner == ".") {
        return Error{
            ErrorCode::kInvalid, "'" + std::string(relative) + "' is not inside of the job's folder"
        };
    }
    return found;
}

Result<void> JobDirectory::create(const Json& spec) const {
    for (const auto& folder : {out(), work()}) {
        if (auto created = create_folders(folder); !created) {
            return created;
        }
    }
    return replace_file(path_ / "spec.json", spec.dump_pretty(), 0600);
}

Result<std::vector<JobProgress>> JobDirectory::read_progress(std::uint64_t& offset) const {
    std::vector<JobProgress> reports;
    // Read, not mapped: the process may cut the file while we look, and a map of what is gone is a SIGBUS.
    const auto file = path_ / "progress.jsonl";
    auto fd = open_file(file, O_RDONLY);
    if (!fd && fd.error().code == ErrorCode::kNotFound) {
        return reports;
    }
    if (!fd) {
        return fd.error();
    }
    const auto chunk = read_chunk(fd->get(), offset, kProgressReadBytesMax, file);
    if (!chunk) {
        return chunk.error();
    }
    std::string_view rest = *chunk;
    if (rest.size() == kProgressReadBytesMax && rest.find('\n') == std::string_view::npos) {
        offset += rest.size();  // A line longer than we read at once is no report: its end is skipped too.
        return reports;
    }
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        if (const auto json = parse_json(rest.substr(0, end)); json && json->is_object()) {
            reports.push_back(progress_from(*json));
        }
        rest.remove_prefix(end + 1);
        offset += end + 1;
    }
    return reports;
}

Result<Json> JobDirectory::read_result() const {
    const auto text = read_file(path_ / "result.json", kResultBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text);
    if (!json) {
        return with_context((path_ / "result.json").string(), json.error());
    }
    if (json->bool_or("ok", false)) {
        return (*json)["value"];
    }
    const Json& error = (*json)["error"];
    return Error{
        error_code_from(error.string_or("code", "")), error.string_or("message", "the job gave no reason")
    };
}

Result<Json> JobDirectory::read_spec() const {
    const auto text = read_file(path_ / "spec.json", kResultBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text);
    if (!json) {
        return with_context((path_ / "spec.json").string(), json.error());
    }
    return json;
}

Result<void> JobDirectory::report(const JobProgress& progress) const {
    const auto file = path_ / "progress.jsonl";
    auto fd = open_file(file, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (!fd) {
        return fd.error();
    }
    return write_all(fd->get(), to_json(progress).dump() + "\n", file);
}

Result<void> JobDirectory::write_result(const Result<Json>& result) const {
    Json json = Json::object({{"ok", result.has_value()}});
    if (result) {
        json.set("value", *result);
    } else {
        json.set(
            "error",
            Json::object({{"code", name_of(result.error().code)}, {"message", result.error().message}})
        );
    }
    return replace_file(path_ / "result.json", json.dump_pretty());
}

void catch_stop_signals() {
    struct sigaction action{};
    action.sa_handler = on_stop_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
}

bool stop_requested() {
    return stop_flag;
}

}  // namespace capstan
