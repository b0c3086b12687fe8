#include "app/quickstart/server_launch.h"

#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/home_lock.h"
#include "app/house.h"
#include "app/key_file.h"
#include "base/file.h"
#include "platform/http/client.h"

namespace capstan::app {
namespace {

constexpr auto kStartWait = std::chrono::seconds(60);
constexpr auto kStartPoll = std::chrono::milliseconds(100);
constexpr std::uint16_t kPortDefault = 8080;
constexpr std::size_t kLogTailBytes = 2000;

bool is_port_free(std::uint16_t port) {
    const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int reuse = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// The key to act with: from the environment, from the home, or a new one of a new home.
Result<std::string> key_for(const QuickstartOptions& options) {
    const char* given =
        std::getenv("CAPSTAN_KEY");  // NOLINT(concurrency-mt-unsafe): before any thread starts.
    if (given != nullptr) {
        return std::string(given);
    }
    if (std::string kept = read_key_file(options.home); !kept.empty()) {
        return kept;
    }
    ServerSettings settings;
    settings.home = options.home;
    if (auto loaded = load_settings(settings, {}); !loaded) {
        return loaded.error();
    }
    set_log_settings({.level = LogLevel::kWarning});
    auto database = open_database(settings);
    auto security = database ? security::Room::open(**database)
                             : Result<std::unique_ptr<security::Room>>(database.error());
    if (!security) {
        return security.error();
    }
    auto made = (*security)->keys().bootstrap();
    if (!made && made.error().code == ErrorCode::kConflict) {
        return Error{
            ErrorCode::kDenied,
            options.home.string() +
                " has keys already, and none of them is known here: set CAPSTAN_KEY to one with role admin"
        };
    }
    if (!made) {
        return made.error();
    }
    auto written = write_key_file(options.home, made->secret);
    return written ? Result<std::string>(made->secret) : written.error();
}

// Starts `argv` as a process of its own session, which outlives this one.
Result<void> start_detached(const std::vector<std::string>& argv, const std::filesystem::path& log) {
    auto output = open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (!output) {
        return output.error();
    }
    std::vector<char*> raw;
    raw.reserve(argv.size() + 1);
    for (const std::string& argument : argv) {
        raw.push_back(const_cast<char*>(argument.c_str()));
    }
    raw.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) {
        return Error{ErrorCode::kExhausted, "no process can be started"};
    }
    if (child == 0) {
        ::setsid();
        if (::fork() != 0) {
            ::_exit(0);
        }
        const int nothing = ::open("/dev/null", O_RDONLY);
        if (nothing < 0) {
            ::_exit(127);
        }
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(output->get(), STDOUT_FILENO);
        ::dup2(output->get(), STDERR_FILENO);
        ::execv(raw[0], raw.data());
        ::_exit(127);
    }
    ::waitpid(child, nullptr, 0);
    return {};
}

std::string tail_of(const std::filesystem::path& log) {
    const auto text = read_file(log);
    return text ? text->substr(text->size() - std::min(text->size(), kLogTailBytes)) : std::string();
}

Result<RunningServer> start_server(const QuickstartOptions& options) {
    std::string port = options.port;
    if (port.empty()) {
        port = is_port_free(kPortDefault) ? std::to_string(kPortDefault) : "0";
    }
    const auto log = options.home / "server.log";
    const auto started = start_detached(
        {program_path().string(), "--home", options.home.string(), "serve", "--port", port}, log
    );
    if (!started) {
        return started.error();
    }
    const auto deadline = std::chrono::steady_clock::now() + kStartWait;
    http::Client client;
    while (std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kStartPoll);
        const auto server = find_running_server(options.home);
        if (!server || server->url.empty()) {
            continue;
        }
        const auto ready = client.get(server->url + "/readyz");
        if (ready && ready->is_ok()) {
            return *server;
        }
    }
    return Error{
        ErrorCode::kUnavailable,
        "the server did not come up; the end of its log " + log.string() + ":\n" + tail_of(log)
    };
}

}  // namespace

Result<LaunchedServer> launch_server(const QuickstartOptions& options) {
    if (auto created = create_folders(options.home); !created) {
        return created.error();
    }
    const auto running = find_running_server(options.home);
    const auto key = key_for(options);
    if (!key) {
        return key.error();
    }
    const auto server = running ? Result<RunningServer>(*running) : start_server(options);
    if (!server) {
        return server.error();
    }
    return LaunchedServer{server->url, *key, running.has_value()};
}

}  // namespace capstan::app
