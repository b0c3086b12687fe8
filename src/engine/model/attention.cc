#include "engine/model/attention.h"

#include <algorithm>

#include "base/check.h"

namespace capstan::engine {
namespace {

// Below this many multiplications a loop is not worth waking other threads.
constexpr std::int64_t kSharedWorkMin = 100'000;

}  // namespace

void Attention::run(
    std::span<const BatchRow> rows,
    std::int64_t layer,
    const AttentionShape& shape,
    const float* query,
    float* out
) {
    CHECK(shape.window == 0 && shape.score_softcap == 0, "the kernels have windows and soft caps");
    std::int64_t positions = 0;
    std::int64_t work = 0;
    for (const BatchRow& row : rows) {
        positions = std::max(positions, row.position + 1);
        work += (row.position + 1) * shape.heads * shape.head_dim * 2;
    }
    scores_.resize(static_cast<std::size_t>(team_.threads()));
    const auto scores = static_cast<std::size_t>((positions / kKvBlockTokens + 1) * kKvBlockTokens);
    for (auto& buffer : scores_) {
        buffer.resize(std::max(buffer.size(), scores));
    }
    const std::int64_t items = static_cast<std::int64_t>(rows.size()) * shape.heads;
    team_
        .run(items, work < kSharedWorkMin ? items : 1, [&](int thread, std::int64_t begin, std::int64_t end) {
            for (std::int64_t item = begin; item < end; ++item) {
                const BatchRow& row = rows[static_cast<std::size_t>(item / shape.heads)];
                kernels_.attention({
                    .query = query + item * shape.head_dim,
                    .kv = row.kv->layer(layer),
                    .kv_head = item % shape.heads / (shape.heads / shape.kv_heads),
                    .tokens = row.position + 1,
                    .scale = shape.scale,
                    .scores = scores_[static_cast<std::size_t>(thread)].data(),
                    .out = out + item * shape.head_dim,
                });
            }
        });
}

}  // namespace capstan::engine
