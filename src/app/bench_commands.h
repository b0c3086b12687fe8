#pragma once

// `capstan bench …`: measures servers and models.

#include "app/api_commands.h"

namespace capstan::app {

// `options` outlives `app`.
void add_bench_commands(CLI::App& app, CommonOptions& options);

}  // namespace capstan::app
