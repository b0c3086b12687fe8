#include "app/quickstart/quickstart.h"

#include <fmt/format.h>
#include <signal.h>

#include "app/api_client.h"
#include "app/home_lock.h"
#include "app/quickstart/console.h"
#include "app/quickstart/plan.h"
#include "app/quickstart/server_launch.h"
#include "app/quickstart/turn.h"

namespace capstan::app {

Result<void> run_quickstart(const QuickstartOptions& options) {
    if (!options.from.empty() && !std::filesystem::exists(options.from)) {
        return Error{
            ErrorCode::kNotFound, "nothing is at " + options.from + "; --from takes a folder or a .jsonl file"
        };
    }
    QuickstartOptions absolute = options;
    absolute.home = std::filesystem::absolute(options.home).lexically_normal();
    auto server = launch_server(absolute);
    if (!server) {
        return server.error();
    }
    Console console;
    console.line(fmt::format(
        "{} {} on {}",
        server->was_running ? "Using the server at" : "Started a server at",
        server->url,
        absolute.home.string()
    ));
    ApiClient api(server->url, server->key);
    Turn turn(api, console, plan_for(absolute), absolute.home);
    auto done = turn.run();
    if (!done) {
        return with_context("the quickstart stopped; run it again to go on", done.error());
    }
    if (!options.stop_after) {
        console.line("The server keeps running; 'capstan stop' ends it.");
        return {};
    }
    if (const auto running = find_running_server(absolute.home)) {
        ::kill(running->pid, SIGTERM);
    }
    return {};
}

}  // namespace capstan::app
