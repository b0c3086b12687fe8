#pragma once

// One server a home, and where it listens: HOME/server.lock, HOME/server.json.

#include <filesystem>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace capstan::app {

struct RunningServer {
    int pid = 0;
    std::string url;
    std::string started_at;
};

// kConflict, saying so, when a server runs on this home.
Result<FileLock> lock_home(const std::filesystem::path& home);

Result<void> write_running_server(const std::filesystem::path& home, const RunningServer& server);

// The server that holds the home's lock now; nothing when none does.
std::optional<RunningServer> find_running_server(const std::filesystem::path& home);

}  // namespace capstan::app
