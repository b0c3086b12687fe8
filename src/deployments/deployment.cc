#include "deployments/deployment.h"

#include <algorithm>
#include <array>

namespace capstan::deployments {
namespace {

constexpr std::array<std::string_view, 4> kStateNames = {"starting", "ready", "degraded", "stopped"};
constexpr std::array<std::string_view, 3> kOutcomeNames = {"promote", "roll_back", "keep"};

}  // namespace

std::string_view name_of(DeploymentState state) {
    return kStateNames[static_cast<std::size_t>(state)];
}

DeploymentState state_from(std::string_view name) {
    const auto found = std::ranges::find(kStateNames, name);
    return found != kStateNames.end() ? static_cast<DeploymentState>(found - kStateNames.begin())
                                      : DeploymentState::kStopped;
}

std::string_view name_of(Outcome outcome) {
    return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

Result<Outcome> parse_outcome(std::string_view name) {
    const auto found = std::ranges::find(kOutcomeNames, name);
    if (found == kOutcomeNames.end()) {
        return Error{ErrorCode::kInvalid, "'outcome' must be promote, roll_back or keep"};
    }
    return static_cast<Outcome>(found - kOutcomeNames.begin());
}

}  // namespace capstan::deployments
