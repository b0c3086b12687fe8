// How attention is shared out: a row is the same bits on any number of threads, and in any chunk.

#include "engine/model/attention.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

constexpr AttentionShape kShape = {.heads = 4, .kv_heads = 2, .head_dim = 16, .scale = 0.25F};
constexpr std::int64_t kTokens = 1200;  // In three spans.

std::vector<float> random_floats(std::int64_t count, std::mt19937& random) {
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> values(static_cast<std::size_t>(count));
    std::ranges::generate(values, [&] { return normal(random); });
    return values;
}

// The last `rows` rows of a sequence, `chunk` at a time.
std::vector<float> run(int threads, std::int64_t rows, std::int64_t chunk) {
    ThreadTeam team(threads);
    Attention attention(kernels::best_kernels(), team);
    const KvShape shape = {.layers = 1, .kv_heads = 2, .head_dim = 16, .type = KvType::kF16};
    const auto cache = *BlockKvCache::build(shape, kv_blocks_of(kTokens) * shape.block_bytes());
    const KvSequence kv = *cache->reserve(kTokens);
    std::mt19937 random(5);
    const auto keys = random_floats(kTokens * 32, random);
    const auto query = random_floats(kTokens * 64, random);
    std::vector<BatchRow> all;
    for (std::int64_t position = 0; position < kTokens; ++position) {
        all.push_back({.position = position, .kv = &kv});
        attention.store(all.back(), 0, keys.data() + position * 32, keys.data() + position * 32);
    }
    std::vector<float> out(static_cast<std::size_t>(rows * 64));
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t first = kTokens - rows + begin;
        const auto part = std::span(all).subspan(
            static_cast<std::size_t>(first), static_cast<std::size_t>(std::min(chunk, rows - begin))
        );
        attention.run(part, 0, kShape, query.data() + first * 64, out.data() + begin * 64);
    }
    return out;
}

TEST(Attention, ALongContextSharedByThreadsIsTheSameBits) {
    const auto alone = run(1, 1, 1);
    EXPECT_EQ(run(3, 1, 1), alone);
    EXPECT_EQ(run(8, 1, 1), alone);
}

TEST(Attention, ChunksOnAnyNumberOfThreadsAreTheSameBits) {
    const auto alone = run(1, 90, 90);
    EXPECT_EQ(run(1, 90, 1), alone);
    EXPECT_EQ(run(3, 90, 90), alone);
    EXPECT_EQ(run(5, 90, 7), alone);
}

}  // namespace
}  // namespace capstan::engine
