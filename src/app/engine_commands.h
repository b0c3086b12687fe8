#pragma once

// `capstan engine`: one model over HTTP.

#include "app/api_commands.h"

namespace capstan::app {

// `options` outlives `app`.
void add_engine_command(CLI::App& app, CommonOptions& options);

}  // namespace capstan::app
