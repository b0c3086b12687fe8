#include "engine/model/encoder_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace capstan::engine {
namespace {

// One head of one token.
void attend_row(
    const TextAttention& work, std::int64_t token, std::int64_t head, std::vector<float>& scores
) {
    const std::int64_t stride = work.heads * work.head_dim;
    const float* query = work.query + token * stride + head * work.head_dim;
    float* out = work.out + token * stride + head * work.head_dim;
    const float scale = 1 / std::sqrt(static_cast<float>(work.head_dim));
    for (std::int64_t t = 0; t < work.tokens; ++t) {
        const float* key = work.key + t * stride + head * work.head_dim;
        float sum = 0;
        for (std::int64_t d = 0; d < work.head_dim; ++d) {
            sum += query[d] * key[d];
        }
        scores[static_cast<std::size_t>(t)] = sum * scale;
    }
    const float largest = *std::ranges::max_element(scores);
    float sum = 0;
    for (float& score : scores) {
        score = std::exp(score - largest);
        sum += score;
    }
    std::fill_n(out, work.head_dim, 0.0F);
    for (std::int64_t t = 0; t < work.tokens; ++t) {
        const float* value = work.value + t * stride + head * work.head_dim;
        const float weight = scores[static_cast<std::size_t>(t)] / sum;
        for (std::int64_t d = 0; d < work.head_dim; ++d) {
            out[d] += weight * value[d];
        }
    }
}

}  // namespace

void attend_within(const TextAttention& work, ThreadTeam& team) {
    const std::int64_t items = work.tokens * work.heads;
    const bool is_small = items * work.tokens * work.head_dim < 50'000;
    team.run(items, is_small ? items : 1, [&](int, std::int64_t begin, std::int64_t end) {
        std::vector<float> scores(static_cast<std::size_t>(work.tokens));
        for (std::int64_t item = begin; item < end; ++item) {
            attend_row(work, item / work.heads, item % work.heads, scores);
        }
    });
}

}  // namespace capstan::engine
