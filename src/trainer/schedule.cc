#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/file.h"
#include "base/json.h"

namespace capstan::trainer {

double learning_rate_at(const OptimizerSettings& settings, std::int64_t step, std::int64_t steps_total) {
    const auto position = static_cast<double>(step);
    const auto warmup = static_cast<double>(settings.warmup_steps);
    if (step < settings.warmup_steps) {
        return settings.learning_rate * (position + 1) / warmup;
    }
    if (settings.schedule == Schedule::kConstant || steps_total == 0) {
        return settings.learning_rate;
    }
    const double length = std::max(1.0, static_cast<double>(steps_total) - warmup);
    const double progress = std::min(1.0, (position - warmup) / length);
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
    return settings.learning_rate * (settings.final_fraction + (1 - settings.final_fraction) * cosine);
}

Result<StepPlan> StepPlan::open(const std::filesystem::path& path) {
    StepPlan plan(path);
    const auto text = read_file(path);
    if (!text) {
        return text.error().code == ErrorCode::kNotFound ? Result<StepPlan>(plan) : text.error();
    }
    const auto json = parse_json(*text);
    const auto* entries = json ? (*json)["plan"].as_array() : nullptr;
    if (entries == nullptr) {
        return Error{ErrorCode::kInvalid, path.string() + " is no plan; remove it to decide anew"};
    }
    for (const Json& entry : *entries) {
        const PlanEntry read{entry.int_or("from_step", -1), entry.int_or("steps_total", -1)};
        if (read.from_step < 0 || read.steps_total < 1) {
            return Error{
                ErrorCode::kInvalid, path.string() + " has a broken entry; remove it to decide anew"
            };
        }
        plan.entries_.push_back(read);
    }
    return plan;
}

std::int64_t StepPlan::total_at(std::int64_t step) const {
    std::int64_t total = 0;
    for (const PlanEntry& entry : entries_) {
        if (entry.from_step <= step) {
            total = entry.steps_total;
        }
    }
    return total;
}

Result<void> StepPlan::decide(PlanEntry entry) {
    entries_.push_back(entry);
    Json json = Json::array();
    for (const PlanEntry& each : entries_) {
        json.push(Json::object({{"from_step", each.from_step}, {"steps_total", each.steps_total}}));
    }
    return replace_file(path_, Json::object({{"plan", std::move(json)}}).dump_pretty());
}

void Pace::add_step(double seconds) {
    ++steps_seen_;
    if (steps_seen_ <= kWarmUpSteps) {
        return;
    }
    if (recent_.size() < kRecentSteps) {
        recent_.push_back(seconds);
    } else {
        recent_[static_cast<std::size_t>(steps_seen_) % kRecentSteps] = seconds;
    }
}

double Pace::step_s() const {
    if (recent_.empty()) {
        return 0;
    }
    return std::accumulate(recent_.begin(), recent_.end(), 0.0) / static_cast<double>(recent_.size());
}

std::int64_t Pace::steps_in(double seconds) const {
    constexpr double kStepsMax = 1e8;
    const double steps = seconds / std::max(step_s(), 1e-6);
    return static_cast<std::int64_t>(std::clamp(steps, 0.0, kStepsMax));
}

}  // namespace capstan::trainer
