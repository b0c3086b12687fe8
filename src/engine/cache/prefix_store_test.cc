#include "engine/cache/prefix_store.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kBlockBytes = 1000;

class PrefixStoreTest : public testing::Test {
protected:
    ~PrefixStoreTest() override { (void)remove_tree(directory_); }

    PrefixStore::Options options(std::int64_t slots = 4) const {
        return {
            .directory = directory_,
            .bytes_max = PrefixStore::kHeaderBytes + slots * (PrefixStore::kRecordBytes + kBlockBytes),
            .block_bytes = kBlockBytes,
            .identity = identity_,
        };
    }

    std::unique_ptr<PrefixStore> open(std::int64_t slots = 4) const {
        auto store = PrefixStore::open(options(slots));
        EXPECT_TRUE(store) << store.error().message;
        return std::move(*store);
    }

    static std::array<llm::TokenId, kKvBlockTokens> tokens(llm::TokenId token) {
        std::array<llm::TokenId, kKvBlockTokens> filled;
        filled.fill(token);
        return filled;
    }

    static std::vector<std::byte> block(int value) {
        return std::vector<std::byte>(kBlockBytes, static_cast<std::byte>(value));
    }

    BlockKey key(llm::TokenId token) const { return next_block_key(identity_, tokens(token)); }

    void put(PrefixStore& store, llm::TokenId token) const {
        store.put(key(token), tokens(token), block(token));
    }

    // The value that the block is filled with, or -1.
    int get(PrefixStore& store, llm::TokenId token) const {
        auto bytes = block(0);
        if (!store.get(key(token), tokens(token), bytes)) {
            return -1;
        }
        EXPECT_EQ(std::ranges::count(bytes, bytes[0]), kBlockBytes);
        return static_cast<int>(bytes[0]);
    }

    std::filesystem::path only_file() const {
        return std::filesystem::directory_iterator(directory_)->path();
    }

    void overwrite(std::int64_t offset, std::string_view bytes) const {
        std::fstream file(only_file(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(offset);
        file.write(bytes.data(), std::ssize(bytes));
    }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    Sha256Digest identity_ = sha256("a model");
};

TEST_F(PrefixStoreTest, KeepsBlocksOverARestart) {
    auto store = open();
    put(*store, 1);
    put(*store, 2);
    EXPECT_EQ(get(*store, 1), 1);
    EXPECT_EQ(get(*store, 3), -1);
    store = nullptr;
    store = open();
    EXPECT_EQ(store->blocks(), 2);
    EXPECT_EQ(get(*store, 2), 2);
    EXPECT_EQ(get(*store, 1), 1);
}

TEST_F(PrefixStoreTest, TheOldestMakeRoom) {
    auto store = open(3);
    for (const llm::TokenId token : {1, 2, 2, 3, 4}) {
        put(*store, token);
    }
    EXPECT_EQ(store->blocks(), 3);
    EXPECT_EQ(get(*store, 1), -1);
    store = nullptr;
    store = open(3);  // Goes on where it was.
    put(*store, 5);
    EXPECT_EQ(get(*store, 2), -1);
    for (const int token : {3, 4, 5}) {
        EXPECT_EQ(get(*store, token), token);
    }
    EXPECT_LE(std::filesystem::file_size(only_file()), options(3).bytes_max);
}

TEST_F(PrefixStoreTest, ASmallerLimitKeepsWhatFits) {
    auto store = open(4);
    for (const llm::TokenId token : {1, 2, 3, 4}) {
        put(*store, token);
    }
    store = nullptr;
    store = open(2);
    EXPECT_EQ(store->blocks(), 2);
    EXPECT_EQ(get(*store, 1), 1);
    put(*store, 9);
    EXPECT_EQ(get(*store, 9), 9);
}

TEST_F(PrefixStoreTest, ModelsAndTextsNeverMeet) {
    auto store = open();
    put(*store, 1);
    auto bytes = block(0);
    const auto text = tokens(1);
    EXPECT_FALSE(store->get(next_block_key(key(1), text), text, bytes));  // The same tokens, but later.
    const auto other = tokens(2);
    EXPECT_FALSE(store->get(key(1), other, bytes));
    identity_ = sha256("another model");
    EXPECT_EQ(open()->blocks(), 0);
}

TEST_F(PrefixStoreTest, EnginesBesideEachOtherHaveFilesOfTheirOwn) {
    auto first = open();
    auto second = open();
    put(*first, 1);
    EXPECT_EQ(get(*second, 1), -1);
    first = nullptr;
    EXPECT_EQ(get(*open(), 1), 1);
}

TEST_F(PrefixStoreTest, DamageIsNotTrusted) {
    {
        auto store = open();
        for (const llm::TokenId token : {1, 2, 3}) {
            put(*store, token);
        }
    }
    constexpr std::int64_t kSlot = PrefixStore::kRecordBytes + kBlockBytes;
    overwrite(PrefixStore::kHeaderBytes + 40, "x");  // A token of the first.
    overwrite(PrefixStore::kHeaderBytes + kSlot + PrefixStore::kRecordBytes + 5, "x");  // The second's block.
    std::filesystem::resize_file(only_file(), PrefixStore::kHeaderBytes + 3 * kSlot - 1);
    auto store = open();
    EXPECT_EQ(store->blocks(), 2);
    for (const llm::TokenId token : {1, 2, 3}) {
        EXPECT_EQ(get(*store, token), -1) << token;
    }
    EXPECT_EQ(store->blocks(), 0);
    put(*store, 2);
    EXPECT_EQ(get(*store, 2), 2);
}

TEST_F(PrefixStoreTest, RefusesAnotherFile) {
    open();
    overwrite(8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
    auto refused = PrefixStore::open(options());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(refused.error().message, HasSubstr(only_file().string()));
    EXPECT_EQ(PrefixStore::open(options(0)).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::engine
