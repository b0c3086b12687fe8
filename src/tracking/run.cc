#include "tracking/run.h"

#include <algorithm>
#include <array>

namespace capstan::tracking {
namespace {

constexpr std::array<std::string_view, 5> kStatusNames = {
    "queued", "running", "succeeded", "failed", "cancelled"
};

}  // namespace

std::string_view name_of(RunStatus status) {
    return kStatusNames[static_cast<std::size_t>(status)];
}

RunStatus run_status_from(std::string_view name) {
    const auto found = std::ranges::find(kStatusNames, name);
    return found != kStatusNames.end() ? static_cast<RunStatus>(found - kStatusNames.begin())
                                       : RunStatus::kFailed;
}

bool is_final(RunStatus status) {
    return status != RunStatus::kQueued && status != RunStatus::kRunning;
}

}  // namespace capstan::tracking
