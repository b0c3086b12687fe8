#include "engine/cache/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <span>
#include <vector>

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
    const auto number = [](std::int64_t layer, std::int64_t position, std::int64_t i) {
        return static_cast<float>((layer * 1000 + position) * 100 + i);
    };
    for (std::int64_t layer = 0; layer < kShape.layers; ++layer) {
        for (std::int64_t position = 0; position < 2 * kKvBlockTokens; ++position) {
            std::vector<float> key;
            std::vector<float> value;
            for (std::int64_t i = 0; i < kShape.kv_heads * kShape.head_dim; ++i) {
                key.push_back(number(layer, position, i));
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
                const float expected = number(layer, position, i);
                ASSERT_EQ(key_at(view.head(), view.keys(block, head), inside, d), expected);
                ASSERT_EQ(value_at(view.head(), view.values(block, head), inside, d), -expected - 1);
            }
        }
    }
}

TEST(KvLayout, TypesAreOffByNoMoreThanPromisedAndNeverInfinite) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 2);

    const struct {
        KvType type;
        float of_element;
        float of_group;
    } kinds[] = {
        {KvType::kF32, 0, 0},
        {KvType::kF16, 1.0F / 2048, 1e-7F},
        {KvType::kI8, 0, 1.0F / 254},
        {KvType::kI4, 0, 1.0F / 14},
    };

    for (const auto& kind : kinds) {
        const KvShape shape = {.layers = 1, .kv_heads = 1, .head_dim = 44, .type = kind.type};
        auto cache = *BlockKvCache::build(shape, shape.block_bytes());
        const KvSequence kv = *cache->reserve(1);
        std::vector<float> key(44);
        std::ranges::generate(key, [&] { return normal(random); });
        std::vector<float> value = key;
        value[3] = INFINITY;
        value[40] = std::nanf("");
        const KvView view = kv.layer(0);
        store_kv(view, 5, key.data(), value.data());
        for (std::int64_t d = 0; d < 44; ++d) {
            const auto group = std::span(key).subspan(d < 32 ? 0 : 32, d < 32 ? 32 : 12);
            float largest = 0;
            for (const float element : group) {
                largest = std::max(largest, std::abs(element));
            }
            const float element = key[static_cast<std::size_t>(d)];
            const float error = kind.of_element * std::abs(element) + kind.of_group * largest * 1.0001F;
            ASSERT_NEAR(key_at(view.head(), view.keys(0, 0), 5, d), element, error);
            if (kind.type != KvType::kF32) {
                ASSERT_TRUE(std::isfinite(value_at(view.head(), view.values(0, 0), 5, d)));
            }
        }
    }
}

}  // namespace
}  // namespace capstan::engine
