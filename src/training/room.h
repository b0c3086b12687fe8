#pragma once

// The training room: tokenizers, models and adapters, trained by jobs. app/house.h builds it once.

#include <vector>

#include "platform/cli/command.h"
#include "training/training_routes.h"
#include "training/training_service.h"

namespace capstan::training {

class Room {
public:
    explicit Room(TrainingService::Inputs inputs) : training_(std::move(inputs)) {}

    void add_routes(http::Router& router) { add_training_routes(router, training_); }

    static std::vector<cli::Command> commands();

private:
    TrainingService training_;
};

}  // namespace capstan::training
