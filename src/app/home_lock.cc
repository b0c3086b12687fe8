#include "app/home_lock.h"

#include "base/json.h"

namespace capstan::app {
namespace {

constexpr std::uint64_t kFileBytesMax = 64 * 1024;

}  // namespace

Result<FileLock> lock_home(const std::filesystem::path& home) {
    if (auto created = create_folders(home); !created) {
        return created.error();
    }
    auto lock = FileLock::acquire(home / "server.lock");
    if (!lock && lock.error().code == ErrorCode::kConflict) {
        return Error{
            ErrorCode::kConflict, "a server runs on " + home.string() + " already; 'capstan stop' ends it"
        };
    }
    return lock;
}

Result<void> write_running_server(const std::filesystem::path& home, const RunningServer& server) {
    const Json json =
        Json::object({{"pid", server.pid}, {"url", server.url}, {"started_at", server.started_at}});
    return replace_file(home / "server.json", json.dump_pretty());
}

std::optional<RunningServer> find_running_server(const std::filesystem::path& home) {
    if (!std::filesystem::exists(home / "server.lock") || lock_home(home)) {
        return std::nullopt;  // Nobody holds it.
    }
    const auto text = read_file(home / "server.json", kFileBytesMax);
    const auto json = text ? parse_json(*text) : Result<Json>(text.error());
    if (!json) {
        return std::nullopt;
    }
    return RunningServer{
        static_cast<int>(json->int_or("pid", 0)),
        json->string_or("url", ""),
        json->string_or("started_at", "")
    };
}

}  // namespace capstan::app
