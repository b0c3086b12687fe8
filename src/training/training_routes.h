#pragma once

// The HTTP face of training: tokenizers, runs, and registering what a run made.

#include "platform/http/router.h"
#include "training/training_service.h"

namespace capstan::training {

void add_training_routes(http::Router& router, TrainingService& training);  // `training` outlives `router`.

}  // namespace capstan::training
