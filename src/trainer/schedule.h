#pragma once

// How long a run is, and its learning rate at each step.
//
// The number of steps is given, or found from the time budget by timing the first steps. It is written down
// when it is decided (and again if the machine turns out slower), because the learning rate follows from it:
// a resumed run must read it, not measure again.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "trainer/spec.h"

namespace capstan::trainer {

// Of step `step`, from 0: rises linearly over the warm-up, then falls along a cosine to final_fraction at
// `steps_total`. 0 for steps_total means not yet known: no fall.
double learning_rate_at(const OptimizerSettings& settings, std::int64_t step, std::int64_t steps_total);

struct PlanEntry {
    std::int64_t from_step = 0;
    std::int64_t steps_total = 0;
};

class StepPlan {
public:
    // What an earlier start decided; empty when there is no file. kInvalid for a broken one.
    static Result<StepPlan> open(const std::filesystem::path& path);

    // The total in force at `step`; 0 before any was decided.
    std::int64_t total_at(std::int64_t step) const;

    std::int64_t total() const { return entries_.empty() ? 0 : entries_.back().steps_total; }

    // Durable when it returns. From `from_step` on the total is `steps_total`.
    Result<void> decide(PlanEntry entry);

private:
    explicit StepPlan(std::filesystem::path path) : path_(std::move(path)) {}

    std::filesystem::path path_;
    std::vector<PlanEntry> entries_;
};

// Times steps and says how many fit.
class Pace {
public:
    static constexpr std::int64_t kWarmUpSteps = 2;  // Slower than the rest: memory is touched first.
    static constexpr std::int64_t kCalibrationSteps = 10;

    void add_step(double seconds);

    bool is_calibrated() const { return steps_seen_ >= kWarmUpSteps + kCalibrationSteps; }

    double step_s() const;  // The mean of the last steps; 0 before the first.

    // How many more steps fit in `seconds`.
    std::int64_t steps_in(double seconds) const;

private:
    std::int64_t steps_seen_ = 0;
    std::vector<double> recent_;  // A ring of the last kRecentSteps.

    static constexpr std::size_t kRecentSteps = 32;
};

}  // namespace capstan::trainer
