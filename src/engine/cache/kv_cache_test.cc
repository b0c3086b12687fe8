#include "engine/cache/kv_cache.h"

#include <set>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

constexpr KvShape kShape = {.layers = 2, .kv_heads = 3, .head_dim = 8};

TEST(KvCache, HandsOutEachBlockOnceAndTakesItBack) {
    auto cache = *BlockKvCache::build(kShape, 5 * kShape.block_bytes() + 7);
    EXPECT_EQ(cache->bytes_total(), 5 * kShape.block_bytes());
    KvSequence first = *cache->reserve(kKvBlockTokens + 1);
    KvSequence second = *cache->reserve(3 * kKvBlockTokens);
    std::set<std::byte*> blocks(first.blocks.begin(), first.blocks.end());
    blocks.insert(second.blocks.begin(), second.blocks.end());
    EXPECT_EQ(blocks.size(), 5U);
    EXPECT_EQ(first.tokens_max(), 2 * kKvBlockTokens);
    EXPECT_EQ(cache->bytes_used(), cache->bytes_total());
    EXPECT_EQ(cache->reserve(1).error().code, ErrorCode::kExhausted);
    cache->release(first);
    EXPECT_TRUE(first.blocks.empty());
    EXPECT_EQ(cache->reserve(3 * kKvBlockTokens).error().code, ErrorCode::kExhausted);
    EXPECT_TRUE(cache->reserve(2 * kKvBlockTokens));
}

TEST(KvCache, SaysWhatNeverFits) {
    auto cache = *BlockKvCache::build(kShape, 2 * kShape.block_bytes());
    EXPECT_EQ(cache->reserve(2 * kKvBlockTokens + 1).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(BlockKvCache::build(kShape, kShape.block_bytes() - 1).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(BlockKvCache::build(kShape, -1).error().code, ErrorCode::kInvalid);
}

TEST(KvLayout, KeepsEveryPositionOfEveryLayerAndHeadApart) {
    auto cache = *BlockKvCache::build(kShape, 2 * kShape.block_bytes());
    const KvSequence kv = *cache->reserve(2 * kKvBlockTokens);
    std::set<const float*> places;
    for (std::int64_t layer = 0; layer < kShape.layers; ++layer) {
        for (std::int64_t position = 0; position < 2 * kKvBlockTokens; ++position) {
            std::vector<float> key;
            std::vector<float> value;
            for (std::int64_t i = 0; i < kShape.kv_heads * kShape.head_dim; ++i) {
                key.push_back(static_cast<float>((layer * 1000 + position) * 100 + i));
                value.push_back(-key.back() - 1);
            }
            store_kv(kv.layer(layer), position, key.data(), value.data());
        }
    }
    for (std::int64_t layer = 0; layer < kShape.layers; ++layer) {
        const KvView view = kv.layer(layer);
        for (std::int64_t position = 0; position < 2 * kKvBlockTokens; ++position) {
            const std::int64_t block = position / kKvBlockTokens;
            const std::int64_t inside = position % kKvBlockTokens;
            for (std::int64_t i = 0; i < kShape.kv_heads * kShape.head_dim; ++i) {
                const std::int64_t head = i / kShape.head_dim;
                const std::int64_t d = i % kShape.head_dim;
                const float* key = view.keys(block, head) + inside / kKeyTile * kKeyTile * kShape.head_dim +
                                   d * kKeyTile + inside % kKeyTile;
                const float* value = view.values(block, head) + inside * kShape.head_dim + d;
                const auto expected = static_cast<float>((layer * 1000 + position) * 100 + i);
                ASSERT_EQ(*key, expected);
                ASSERT_EQ(*value, -expected - 1);
                places.insert({key, value});
            }
        }
    }
    EXPECT_EQ(std::ssize(places), 2 * kShape.block_bytes() / 4);
}

}  // namespace
}  // namespace capstan::engine
