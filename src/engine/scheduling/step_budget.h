#pragma once

// How many prompt tokens go into one step, so that sequences which generate meanwhile do not stall: as many
// as the target time holds, learned from the steps before.

#include <cstdint>

namespace capstan::engine {

struct StepBudgetLimits {
    std::int64_t target_us = 0;   // Of one step while sequences generate; 0: as many tokens as may be.
    std::int64_t tokens_max = 0;  // In one step, also when nobody generates.
};

class StepBudget {
public:
    explicit StepBudget(const StepBudgetLimits& limits) : limits_(limits) {}

    // A multiple of a block, if the limit allows: at least one, so that prompts always get on.
    std::int64_t prompt_tokens(std::int64_t generating) const;

    // What a step was, and how long it took.
    struct Step {
        std::int64_t generating = 0;     // Rows that follow a generated token.
        std::int64_t prompt_tokens = 0;  // All other rows.
        std::int64_t duration_us = 0;
    };

    void learn(const Step& step);

    // What one prompt token adds, of late; 0: not known yet.
    double token_us() const { return token_us_; }

private:
    StepBudgetLimits limits_;
    double generation_us_ = 0;  // A step without prompts, of late.
    double token_us_ = 0;
};

}  // namespace capstan::engine
