#pragma once

// `capstan model …`: what is done with the files of a model on this machine, without a server.

#include "app/api_commands.h"

namespace capstan::app {

// Adds verbs to the noun `model`, which the API's commands have made. `options` outlives `app`.
void add_model_commands(CLI::App& app, CommonOptions& options);

}  // namespace capstan::app
