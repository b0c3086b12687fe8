#pragma once

// The commands that are one call of the API (platform/cli/command.h), on the command line.

#include <functional>
#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace capstan::app {

// Options that all commands share, and the command that was asked for.
struct CommonOptions {
    std::string home;
    std::string url;  // Empty: the server that runs on `home`.
    std::string key;  // Empty: $CAPSTAN_KEY, or the key that the quickstart left in the home.
    bool json = false;
    std::function<Result<void>()> chosen;  // Set by the subcommand that was parsed.
};

// Adds a subcommand for each noun and verb. `options` outlives `app`.
void add_api_commands(CLI::App& app, CommonOptions& options);

}  // namespace capstan::app
