#include "deployments/split.h"

#include <cmath>
#include <limits>

#include "base/hash.h"

namespace capstan::deployments {
namespace {

// Uniform in (0, 1), from the upper 53 bits.
double unit_interval(std::uint64_t hash) {
    return (static_cast<double>(hash >> 11) + 0.5) * 0x1.0p-53;
}

}  // namespace

std::optional<std::size_t> choose_target(const std::vector<Target>& targets, std::string_view sticky_key) {
    std::optional<std::size_t> best;
    double best_distance = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (targets[i].weight <= 0) {
            continue;
        }
        const std::uint64_t hash = xxh64(sticky_key, xxh64(targets[i].id));
        const double distance = -std::log(unit_interval(hash)) / static_cast<double>(targets[i].weight);
        if (distance < best_distance) {
            best_distance = distance;
            best = i;
        }
    }
    return best;
}

}  // namespace capstan::deployments
