#pragma once

// For tests: what a model in a file says to some tokens.

#include <filesystem>
#include <vector>

#include "base/check.h"
#include "engine/cache/kv_cache.h"
#include "engine/model/model.h"

namespace capstan::engine {

// In float32, after each of `count` tokens below `vocabulary`.
inline std::vector<float> logits_for_test(
    const std::filesystem::path& path, std::int64_t count, std::int64_t vocabulary
) {
    auto model = Model::open(path, 1, kernels::PackAs::kFloat);
    CHECK(model, model.error().message);
    auto cache = BlockKvCache::build((*model)->kv_shape(), 4 << 20);
    auto kv = (*cache)->reserve(64);
    std::vector<BatchRow> rows;
    for (std::int64_t i = 0; i < count; ++i) {
        rows.push_back({
            .token = static_cast<llm::TokenId>(i * 7 % vocabulary),
            .position = i,
            .kv = &*kv,
            .wants_logits = true,
        });
    }
    const auto logits = (*model)->forward(rows);
    return {logits.begin(), logits.end()};
}

}  // namespace capstan::engine
