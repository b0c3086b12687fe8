#pragma once

// `capstan model loss`: what a model loses in fewer bits, against the one that it was made from.

#include "app/api_commands.h"
#include "base/json.h"
#include "engine/client/model_loss.h"

namespace capstan::app {

Json json_of(const engine::ModelLoss& loss);
void print_loss(const engine::ModelLoss& loss);

void add_loss_command(CLI::App& model, CommonOptions& options);

}  // namespace capstan::app
