#pragma once

// What every vocabulary with scores must hold, whoever wrote the file.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"

namespace capstan::text {

// kInvalid unless there is one finite score for each of `count` tokens, at least one, and the unknown token
// is one of them.
template <typename Score>
Result<void> check_scores(
    const std::vector<Score>& scores, std::size_t count, std::optional<std::int32_t> unknown_id
) {
    if (count == 0 || scores.size() != count) {
        return Error{
            ErrorCode::kInvalid, fmt::format("there are {} tokens and {} scores", count, scores.size())
        };
    }
    const auto bad = std::ranges::find_if_not(scores, [](Score score) { return std::isfinite(score); });
    if (bad != scores.end()) {
        return Error{ErrorCode::kInvalid, fmt::format("token {} has no finite score", bad - scores.begin())};
    }
    if (unknown_id && (*unknown_id < 0 || static_cast<std::size_t>(*unknown_id) >= count)) {
        return Error{ErrorCode::kInvalid, fmt::format("unk_id {} is not in the vocabulary", *unknown_id)};
    }
    return {};
}

}  // namespace capstan::text
