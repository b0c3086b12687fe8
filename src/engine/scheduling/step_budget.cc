#include "engine/scheduling/step_budget.h"

#include <algorithm>

#include "engine/kernels/kv_layout.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kFirstTokens = 2 * kKvBlockTokens;  // Before anything is known.
constexpr double kWeightOfNew = 0.3;                       // In the moving averages.

double averaged(double old, double now) {
    return old == 0 ? now : old + kWeightOfNew * (now - old);
}

}  // namespace

std::int64_t StepBudget::prompt_tokens(std::int64_t generating) const {
    if (limits_.target_us == 0 || generating == 0) {
        return limits_.tokens_max;
    }
    double tokens = kFirstTokens;
    if (token_us_ > 0) {
        tokens = (static_cast<double>(limits_.target_us) - generation_us_) / token_us_;
    }
    const auto blocks = static_cast<std::int64_t>(std::clamp(tokens, 0.0, 1e9)) / kKvBlockTokens;
    return std::min(limits_.tokens_max, std::max<std::int64_t>(1, blocks) * kKvBlockTokens);
}

void StepBudget::learn(const Step& step) {
    const auto duration = static_cast<double>(step.duration_us);
    if (step.prompt_tokens == 0) {
        generation_us_ = averaged(generation_us_, duration);
        return;
    }
    if (step.prompt_tokens < kKvBlockTokens) {
        return;  // Too few to tell.
    }
    const double rest = duration - (step.generating > 0 ? generation_us_ : 0);
    // Never less than half of the whole, in case that the steps without prompts had been slow ones.
    token_us_ = averaged(token_us_, std::max(rest, duration / 2) / static_cast<double>(step.prompt_tokens));
}

}  // namespace capstan::engine
