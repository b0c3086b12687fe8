#pragma once

// Clipping and AdamW over a flat array of parameters, spread over threads.

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/parameters.h"
#include "trainer/spec.h"
#include "trainer/worker_team.h"

namespace capstan::trainer {

struct OptimizerState {
    std::int64_t steps = 0;
    std::vector<float> mean;  // Of gradients; laid out as the values.
    std::vector<float> square_mean;
};

class Optimizer {
public:
    // `team` must outlive this.
    Optimizer(const OptimizerSettings& settings, const ParameterLayout& layout, WorkerTeam& team);

    const OptimizerState& state() const { return state_; }

    void restore(OptimizerState state) { state_ = std::move(state); }

    // Clips, decays and steps. Returns the gradient's norm before clipping.
    double step(std::span<float> values, std::span<const float> gradient, double learning_rate);

private:
    OptimizerSettings settings_;
    std::size_t decaying_size_;
    WorkerTeam& team_;
    OptimizerState state_;

    double norm_of(std::span<const float> gradient);
};

}  // namespace capstan::trainer
