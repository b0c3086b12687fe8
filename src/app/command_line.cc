#include "app/command_line.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>

#include "app/api_commands.h"
#include "app/bench_commands.h"
#include "app/engine_commands.h"
#include "app/home_lock.h"
#include "app/model_commands.h"
#include "app/quickstart/quickstart.h"
#include "app/server.h"
#include "app/settings.h"
#include "app/version.h"
#include "app/work_command.h"
#include "platform/cli/table.h"

namespace capstan::app {
namespace {

constexpr auto kStopWait = std::chrono::seconds(30);
constexpr auto kStopPoll = std::chrono::milliseconds(100);

std::string variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread starts.
    return value != nullptr ? value : "";
}

// "--set key=value" and the named flags, as settings take them.
Result<std::vector<config::Assignment>> assignments(
    const std::vector<std::string>& sets, const std::string& port
) {
    std::vector<config::Assignment> flags;
    for (const std::string& text : sets) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos) {
            return Error{
                ErrorCode::kInvalid, "--set takes KEY=VALUE, such as http.port=8080; got '" + text + "'"
            };
        }
        flags.push_back({text.substr(0, equals), text.substr(equals + 1), "--set " + text.substr(0, equals)});
    }
    if (!port.empty()) {
        flags.push_back({"http.port", port, "--port"});
    }
    return flags;
}

// What the commands that run a server need.
struct ServeOptions {
    std::vector<std::string> sets;
    std::string port;
};

void add_serve_options(CLI::App& command, ServeOptions& options) {
    command.add_option("--set", options.sets, "A setting, KEY=VALUE; 'capstan config' lists them");
    command.add_option("--port", options.port, "As --set http.port=PORT");
}

Result<ServerSettings> settings_from(
    const CommonOptions& common, const ServeOptions& options, Json* described = nullptr
) {
    const auto flags = assignments(options.sets, options.port);
    if (!flags) {
        return flags.error();
    }
    ServerSettings settings;
    settings.home = common.home;
    if (auto loaded = load_settings(settings, *flags, described); !loaded) {
        return loaded.error();
    }
    return settings;
}

Result<void> show_config(const CommonOptions& common, const ServeOptions& options) {
    Json described;
    if (auto settings = settings_from(common, options, &described); !settings) {
        return settings.error();
    }
    if (common.json) {
        fmt::print("{}", described.dump_pretty());
        return {};
    }
    fmt::print(
        "{}",
        cli::render_table(
            *described.as_array(), {{"KEY", "key"}, {"VALUE", "value"}, {"FROM", "source"}, {"HELP", "help"}}
        )
    );
    return {};
}

Result<void> stop_server(const std::string& home) {
    const auto server = find_running_server(home);
    if (!server || server->pid <= 0) {
        fmt::print("no server runs on {}\n", home);
        return {};
    }
    ::kill(server->pid, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + kStopWait;
    while (find_running_server(home)) {
        if (std::chrono::steady_clock::now() > deadline) {
            return Error{
                ErrorCode::kUnavailable, fmt::format("process {} has not stopped in 30 s", server->pid)
            };
        }
        std::this_thread::sleep_for(kStopPoll);
    }
    fmt::print("stopped\n");
    return {};
}

void add_server_commands(CLI::App& app, CommonOptions& common) {
    // Shared by the parser, which fills them, and the callbacks, which read them.
    auto options = std::make_shared<ServeOptions>();
    CLI::App* serve_command =
        app.add_subcommand("serve", "Run the server: API, gateway, jobs, engines and the web page");
    add_serve_options(*serve_command, *options);
    serve_command->group("Run")->callback([&common, options] {
        common.chosen = [&common, options]() -> Result<void> {
            const auto settings = settings_from(common, *options);
            return settings ? serve(*settings) : settings.error();
        };
    });
    CLI::App* config_command =
        app.add_subcommand("config", "Show each setting, its value and where it came from");
    add_serve_options(*config_command, *options);
    config_command->group("Run")->callback([&common, options] {
        common.chosen = [&common, options] { return show_config(common, *options); };
    });
    app.add_subcommand("stop", "Stop the server that runs on the home")->group("Run")->callback([&common] {
        common.chosen = [&common] { return stop_server(common.home); };
    });
}

void add_quickstart_command(CLI::App& app, CommonOptions& common) {
    auto options = std::make_shared<QuickstartOptions>();  // Shared as above.
    CLI::App* command = app.add_subcommand(
        "quickstart", "One turn of the loop, from text to a decision; leaves the server running"
    );
    command->add_flag("--fast", options->fast, "In 90 seconds: fewer pages and steps");
    command->add_option(
        "--from", options->from, "Your own text: a folder, or a .jsonl file with {\"text\": …} lines"
    );
    command->add_option("--port", options->port, "Port of the server; 8080 when left out");
    command->add_flag("--stop-after", options->stop_after, "Stop the server at the end");
    command->group("Run")->callback([&common, options] {
        common.chosen = [&common, options] {
            options->home = common.home;
            return run_quickstart(*options);
        };
    });
}

void add_work_command(CLI::App& app, CommonOptions& common) {
    auto kind = std::make_shared<std::string>();  // Shared as above, and so is the next.
    auto directory = std::make_shared<std::string>();
    CLI::App* work =
        app.add_subcommand("work", "Do one job in its directory: what the server starts for each job");
    work->add_option("kind", *kind, "curation.build, tokenizer.train or evaluation.run")->required();
    work->add_option("--job-dir", *directory, "The job's directory, with spec.json")->required();
    work->group("Run")->callback([&common, kind, directory] {
        common.chosen = [kind, directory] { return run_work(*kind, *directory); };
    });
}

int report(const Result<void>& result) {
    if (result) {
        return 0;
    }
    fmt::print(stderr, "capstan: {}\n", result.error().message);
    return exit_code_of(result.error().code);
}

}  // namespace

int run_command_line(int argc, char** argv) {
    CommonOptions common{
        .home = default_home().string(), .url = variable("CAPSTAN_URL"), .key = variable("CAPSTAN_KEY")
    };
    CLI::App app("Capstan: the whole LLM lifecycle in one program on one directory.", "capstan");
    app.set_version_flag("--version", fmt::format("capstan {} ({})", kVersion, kCommit));
    app.fallthrough();
    app.add_option("--home", common.home, "The directory that holds everything")->capture_default_str();
    app.add_option("--url", common.url, "A server's address; the one that runs on the home when left out");
    app.add_option(
        "--key", common.key, "API key; $CAPSTAN_KEY, or the one that the quickstart left in the home"
    );
    app.add_flag("--json", common.json, "Print JSON");
    add_quickstart_command(app, common);
    add_server_commands(app, common);
    add_engine_command(app, common);
    add_bench_commands(app, common);
    add_work_command(app, common);
    add_api_commands(app, common);
    add_model_commands(app, common);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& stopped) {  // Also --help and --version end here.
        const int code = app.exit(stopped);
        return code == 0 ? 0 : exit_code_of(ErrorCode::kInvalid);
    }
    if (!common.chosen) {
        const auto nouns = app.get_subcommands();
        fmt::print(stderr, "{}", (nouns.empty() ? &app : nouns.front())->help());
        return exit_code_of(ErrorCode::kInvalid);
    }
    return report(common.chosen());
}

}  // namespace capstan::app
