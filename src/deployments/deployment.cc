#include "deployments/deployment.h"

#include <algorithm>
#include <array>

namespace capstan::deployments {
namespace {

constexpr std::array<std::string_view, 4> kStateNames = {"starting", "ready", "degraded", "stopped"};
constexpr std::array<std::string_view, 3> kOutcomeNames = {"promote", "roll_back", "keep"};
constexpr std::array<std::string_view, 3> kQuantizeNames = {"none", "int8", "int4"};

}  // namespace

std::string_view name_of(DeploymentState state) {
    return kStateNames[static_cast<std::size_t>(state)];
}

DeploymentState state_from(std::string_view name) {
    const auto found = std::ranges::find(kStateNames, name);
    return found != kStateNames.end() ? static_cast<DeploymentState>(found - kStateNames.begin())
                                      : DeploymentState::kStopped;
}

std::string_view name_of(Quantize quantize) {
    return kQuantizeNames[static_cast<std::size_t>(quantize)];
}

Result<Quantize> parse_quantize(std::string_view name) {
    const auto found = std::ranges::find(kQuantizeNames, name);
    if (found == kQuantizeNames.end()) {
        return Error{
            ErrorCode::kInvalid, "'quantize' must be int8, int4 or none, not '" + std::string(name) + "'"
        };
    }
    return static_cast<Quantize>(found - kQuantizeNames.begin());
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
