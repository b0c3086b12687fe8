#pragma once

// The settings of the server, one struct for each part, with defaults and limits: what `capstan config`
// shows.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "platform/config/settings.h"

namespace capstan::app {

struct HttpSettings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;
    std::filesystem::path tls_certificate;
    std::filesystem::path tls_key;
    int workers = 16;
    int connections_max = 4096;
    bool access_log = true;
    std::filesystem::path web_folder;  // Empty: beside the program.
};

struct DatabaseSettings {
    std::string url;  // Empty: SQLite in the home.
};

struct JobSettings {
    int parallel_max = 1;
    int threads = 2;  // Of one training or evaluation job.
};

struct EngineSettings {
    int threads = 1;                    // Of one replica.
    std::string launcher;               // Starts engines, such as "srun --ntasks=1"; empty: this program.
    std::int64_t memory_mb_max = 0;     // Of all replicas together; 0: four fifths of the machine's.
    std::int64_t idle_s_to_none = 300;  // A target that may have no replicas loses its last after so long.
};

struct ServerSettings {
    std::filesystem::path home;
    HttpSettings http;
    DatabaseSettings database;
    JobSettings jobs;
    EngineSettings engine;
    LogSettings log;
};

// All fields, bound to `settings`, which must outlive what comes back.
config::Settings describe(ServerSettings& settings);

// Where things are when nobody says otherwise.
std::filesystem::path default_home();               // $CAPSTAN_HOME, or .capstan in the user's home.
std::filesystem::path program_path();               // Of this program.
std::filesystem::path trainer_path();               // capstan-train, beside it.
std::filesystem::path web_folder_beside_program();  // Empty when there is none.

// Merges HOME/capstan.toml (when there), CAPSTAN_* variables and flags into `settings`. The description of
// what came out is in `described`.
Result<void> load_settings(
    ServerSettings& settings, const std::vector<config::Assignment>& flags, Json* described = nullptr
);

}  // namespace capstan::app
