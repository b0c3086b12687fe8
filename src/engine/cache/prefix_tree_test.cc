#include "engine/cache/prefix_tree.h"

#include <random>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

constexpr KvShape kShape = {.layers = 1, .kv_heads = 1, .head_dim = 4};

// A block of one token repeated: short to write.
std::vector<llm::TokenId> block_of(llm::TokenId token) {
    return std::vector<llm::TokenId>(kKvBlockTokens, token);
}

BlockTokens view(const std::vector<llm::TokenId>& tokens) {
    return std::span(tokens).first<kKvBlockTokens>();
}

class PrefixTreeTest : public testing::Test {
protected:
    // The blocks for `text`, one for each of its numbers, known or made known; they stay the caller's.
    struct Walked {
        KvSequence kv;
        PrefixPlace place;
        std::int64_t known = 0;
    };

    Walked walk(const std::vector<llm::TokenId>& text, const AdapterIdentity& adapter = {}) {
        Walked walked = {.kv = cache_->empty(), .place = tree_.enter(adapter), .known = 0};
        for (const llm::TokenId token : text) {
            const auto tokens = block_of(token);
            if (std::byte* block = tree_.follow(walked.place, view(tokens))) {
                walked.kv.blocks.push_back(block);
                ++walked.known;
                continue;
            }
            EXPECT_TRUE(tree_.make_room(1));
            EXPECT_TRUE(cache_->grow(walked.kv, walked.kv.tokens_max() + kKvBlockTokens));
            EXPECT_EQ(
                tree_.insert(walked.place, view(tokens), walked.kv.blocks.back()), walked.kv.blocks.back()
            );
        }
        return walked;
    }

    void leave(Walked& walked) {
        tree_.leave(walked.place);
        cache_->release(walked.kv);
    }

    std::unique_ptr<BlockKvCache> cache_ = *BlockKvCache::build(kShape, 8 * kShape.block_bytes());
    PrefixTree tree_{*cache_};
};

TEST_F(PrefixTreeTest, FindsTheLongestKnownBeginning) {
    Walked first = walk({1, 2, 3});
    EXPECT_EQ(first.known, 0);
    Walked second = walk({1, 2, 4});
    EXPECT_EQ(second.known, 2);
    EXPECT_EQ(second.kv.blocks[1], first.kv.blocks[1]);
    EXPECT_NE(second.kv.blocks[2], first.kv.blocks[2]);
    EXPECT_EQ(cache_->blocks_free(), 4);
    EXPECT_EQ(tree_.blocks_evictable(), 0);
    leave(first);
    EXPECT_EQ(tree_.blocks_evictable(), 1);
    leave(second);
    EXPECT_EQ(tree_.blocks_evictable(), 4);
    EXPECT_EQ(cache_->blocks_free(), 4);
    Walked again = walk({1, 2, 3});
    EXPECT_EQ(again.known, 3);
    leave(again);
}

TEST_F(PrefixTreeTest, TheSameTokensElsewhereAreNotTheSame) {
    Walked first = walk({1, 2, 1, 1});
    EXPECT_EQ(first.known, 0);
    Walked second = walk({2, 1});
    EXPECT_EQ(second.known, 0);
    leave(first);
    leave(second);
}

TEST_F(PrefixTreeTest, AdaptersNeverShare) {
    auto adapter = std::make_shared<int>(1);
    Walked base = walk({1, 2});
    Walked adapted = walk({1, 2}, adapter);
    EXPECT_EQ(adapted.known, 0);
    Walked same = walk({1, 2}, adapter);
    EXPECT_EQ(same.known, 2);
    leave(base);
    leave(adapted);
    leave(same);
    // Another object, even at the same address, is another adapter.
    adapter.reset();
    adapter = std::make_shared<int>(1);
    Walked other = walk({1, 2}, adapter);
    EXPECT_EQ(other.known, 0);
    leave(other);
}

TEST_F(PrefixTreeTest, EvictsTheLeastRecentlyUsedAndLeavesFirst) {
    for (const llm::TokenId token : {1, 2, 3}) {
        Walked walked = walk({token, token});
        leave(walked);
    }
    Walked used = walk({1, 1});
    leave(used);
    ASSERT_TRUE(tree_.make_room(4));  // Two are free, so two of 2's.
    EXPECT_EQ(tree_.find({}, block_of(2)).blocks, 0);
    EXPECT_EQ(tree_.find({}, block_of(1)).blocks, 1);
    ASSERT_TRUE(tree_.make_room(5));
    EXPECT_EQ(tree_.find({}, block_of(3)).blocks, 1);  // Its leaf has gone.
    auto whole = block_of(3);
    whole.resize(2 * kKvBlockTokens, 3);
    EXPECT_EQ(tree_.find({}, whole).blocks, 1);
    EXPECT_EQ(tree_.find({}, whole).evictable, 1);
}

TEST_F(PrefixTreeTest, KeepsWhatIsHeld) {
    Walked held = walk({1, 2, 3});
    EXPECT_FALSE(tree_.make_room(6));
    EXPECT_TRUE(tree_.make_room(5));
    PrefixPlace second = tree_.copy(held.place);
    leave(held);
    EXPECT_FALSE(tree_.make_room(6));
    tree_.leave(second);
    EXPECT_TRUE(tree_.make_room(8));
    EXPECT_EQ(tree_.blocks(), 0);
}

// Against a list of all texts that were made known and not evicted, at random.
TEST_F(PrefixTreeTest, NeverMixesContents) {
    std::mt19937 random(5);
    std::map<std::byte*, std::vector<llm::TokenId>> contents;
    std::vector<Walked> walks;
    for (int i = 0; i < 3000; ++i) {
        if (walks.size() == 2 || (!walks.empty() && random() % 2 == 0)) {
            leave(walks.front());
            walks.erase(walks.begin());
            continue;
        }
        std::vector<llm::TokenId> text(1 + random() % 4);
        for (auto& token : text) {
            token = static_cast<llm::TokenId>(random() % 3);
        }
        Walked walked = walk(text);
        for (std::size_t b = 0; b < text.size(); ++b) {
            const std::vector<llm::TokenId> prefix(
                text.begin(), text.begin() + static_cast<std::ptrdiff_t>(b) + 1
            );
            if (std::cmp_less(b, walked.known)) {
                ASSERT_EQ(contents[walked.kv.blocks[b]], prefix);
            } else {
                contents[walked.kv.blocks[b]] = prefix;
            }
        }
        walks.push_back(std::move(walked));
    }
    for (auto& walked : walks) {
        leave(walked);
    }
    EXPECT_EQ(tree_.blocks(), tree_.blocks_evictable());
    tree_.evict_all();
    EXPECT_EQ(cache_->blocks_free(), cache_->blocks_total());
}

}  // namespace
}  // namespace capstan::engine
