#include "app/settings.h"

#include <array>
#include <cstdlib>

#include <unistd.h>

#include "base/file.h"

extern char** environ;

namespace capstan::app {
namespace {

constexpr std::uint64_t kConfigBytesMax = std::uint64_t{1} << 20;

// CAPSTAN_* of the environment. Read before any thread starts.
std::vector<std::pair<std::string, std::string>> capstan_variables() {
    std::vector<std::pair<std::string, std::string>> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (text.starts_with("CAPSTAN_") && equals != std::string_view::npos) {
            variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread starts.
    return value != nullptr ? value : "";
}

}  // namespace

config::Settings describe(ServerSettings& settings) {
    config::Settings fields;
    HttpSettings& http = settings.http;
    fields.text("http.address", http.address, {.help = "Address to listen on; 0.0.0.0 for all"});
    fields.integer("http.port", http.port, {.help = "TCP port; 0 picks a free one", .min = 0, .max = 65535});
    fields.path(
        "http.tls_certificate", http.tls_certificate, {.help = "PEM chain; with tls_key, serves HTTPS"}
    );
    fields.path("http.tls_key", http.tls_key, {.help = "PEM private key"});
    fields.integer("http.workers", http.workers, {.help = "Threads for requests", .min = 1, .max = 1024});
    fields.integer(
        "http.connections_max",
        http.connections_max,
        {.help = "Connections at one time", .min = 1, .max = 1'000'000}
    );
    fields.boolean("http.access_log", http.access_log, {.help = "A log line for each request"});
    fields.path(
        "http.web_folder", http.web_folder, {.help = "Files of the web page; empty: beside the program"}
    );
    fields.text(
        "database.url",
        settings.database.url,
        {.help = "postgresql://user@host/name; empty: SQLite in the home", .is_secret = true}
    );
    fields.integer(
        "jobs.parallel_max", settings.jobs.parallel_max, {.help = "Jobs at one time", .min = 1, .max = 256}
    );
    fields.integer(
        "jobs.threads", settings.jobs.threads, {.help = "Threads of one job", .min = 1, .max = 256}
    );
    fields.integer(
        "engine.threads", settings.engine.threads, {.help = "Threads of one engine", .min = 1, .max = 256}
    );
    fields.text(
        "engine.launcher",
        settings.engine.launcher,
        {.help =
             "Command in front of each engine's own, such as srun --ntasks=1 --cpus-per-task=4; words are "
             "separated by spaces"}
    );
    fields.integer(
        "engine.memory_mb_max",
        settings.engine.memory_mb_max,
        {.help = "Memory of all engines together; 0: four fifths of the machine's", .min = 0, .max = 1 << 30}
    );
    fields.integer(
        "engine.idle_s_to_none",
        settings.engine.idle_s_to_none,
        {.help = "A target with replicas_min 0 loses its last engine after so long without a call",
         .min = 1,
         .max = 1 << 30}
    );
    fields.choice(
        "log.level",
        settings.log.level,
        "Least level that is logged",
        {{"debug", LogLevel::kDebug},
         {"info", LogLevel::kInfo},
         {"warning", LogLevel::kWarning},
         {"error", LogLevel::kError}}
    );
    fields.choice(
        "log.format",
        settings.log.format,
        "human or json",
        {{"human", LogFormat::kHuman}, {"json", LogFormat::kJson}}
    );
    for (const char* name : {"CAPSTAN_HOME", "CAPSTAN_URL", "CAPSTAN_KEY"}) {
        fields.allow_variable(name);
    }
    return fields;
}

std::filesystem::path default_home() {
    if (const std::string home = variable("CAPSTAN_HOME"); !home.empty()) {
        return home;
    }
    const std::string user = variable("HOME");
    return std::filesystem::path(user.empty() ? "." : user) / ".capstan";
}

std::filesystem::path program_path() {
    std::array<char, 4096> path{};
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return length > 0 ? std::filesystem::path(std::string(path.data(), static_cast<std::size_t>(length)))
                      : "capstan";
}

std::filesystem::path trainer_path() {
    return program_path().parent_path() / "capstan-train";
}

std::filesystem::path web_folder_beside_program() {
    const auto folder = program_path().parent_path();
    for (const auto& candidate : {folder / "../share/capstan/web", folder / "../../../web/dist"}) {
        if (std::filesystem::exists(candidate / "index.html")) {
            return candidate.lexically_normal();
        }
    }
    return {};
}

Result<void> load_settings(
    ServerSettings& settings, const std::vector<config::Assignment>& flags, Json* described
) {
    config::Settings fields = describe(settings);
    config::Sources sources{.environment = capstan_variables(), .flags = flags};
    const auto file = settings.home / "capstan.toml";
    if (std::filesystem::exists(file)) {
        auto text = read_file(file, kConfigBytesMax);
        if (!text) {
            return text.error();
        }
        sources.file = config::ConfigFile{file.string(), std::move(*text)};
    }
    if (auto loaded = fields.load(sources); !loaded) {
        return loaded;
    }
    if (described != nullptr) {
        *described = fields.describe();
    }
    return {};
}

}  // namespace capstan::app
