#pragma once

// Which target answers a caller: a weighted split that sticks.

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "deployments/deployment.h"

namespace capstan::deployments {

// The index of the target for `sticky_key`; nothing when no target has a weight. The same key gets the same
// target as long as weights stay, and a change of weights moves no more keys than it must (weighted
// rendezvous hashing: Thaler and Ravishankar 1998; with weights, the target of least -ln(u)/weight, u uniform
// in (0, 1) from the hash of target and key). Over many keys the shares are weight ÷ sum. Cost: one hash a
// target.
std::optional<std::size_t> choose_target(const std::vector<Target>& targets, std::string_view sticky_key);

}  // namespace capstan::deployments
