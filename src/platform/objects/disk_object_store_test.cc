#include "platform/objects/disk_object_store.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "platform/objects/chunk_sums.h"
#include "platform/objects/disk_reader.h"

namespace capstan::objects {
namespace {

using testing::HasSubstr;

class DiskObjects : public testing::Test {
protected:
    DiskObjects() : folder_(std::filesystem::path(testing::TempDir()) / ("capstan-objects-" + new_id())) {
        reopen();
    }

    ~DiskObjects() override { std::filesystem::remove_all(folder_); }

    void reopen(std::uint64_t object_bytes_max = std::uint64_t{1} << 30) {
        auto opened = DiskObjectStore::open_folder({.folder = folder_, .object_bytes_max = object_bytes_max});
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = std::move(*opened);
    }

    std::string put(std::string_view bytes) {
        const auto info = store_->put(bytes);
        EXPECT_TRUE(info) << info.error().message;
        return info ? info->id : "";
    }

    std::filesystem::path path_of(const std::string& id) const {
        return folder_ / "sha256" / id.substr(0, 2) / id.substr(2, 2) / id;
    }

    Result<std::string> read(std::string_view id, ByteRange range) {
        auto reader = store_->open(id, range);
        if (!reader) {
            return reader.error();
        }
        std::string bytes;
        for (;;) {
            const auto part = (*reader)->next();
            if (!part) {
                return part.error();
            }
            if (part->empty()) {
                return bytes;
            }
            bytes += *part;
        }
    }

    // Turns one bit of a stored file.
    void damage(const std::filesystem::path& path, std::size_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(byte ^ 1));
    }

    static std::string pattern(std::size_t size) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = static_cast<char>((i * 2654435761U) >> 13U);
        }
        return bytes;
    }

    std::size_t files_in(const std::filesystem::path& folder) {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator())
        );
    }

    const std::filesystem::path folder_;
    std::unique_ptr<DiskObjectStore> store_;
};

TEST_F(DiskObjects, AreNamedByTheSha256OfTheirContent) {
    const auto info = store_->put("hello");
    ASSERT_TRUE(info);
    EXPECT_EQ(info->id, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    EXPECT_EQ(info->size_bytes, 5U);
    EXPECT_EQ(store_->get(info->id), "hello");
    reopen();
    EXPECT_EQ(store_->get(info->id), "hello");
}

TEST_F(DiskObjects, KeepEverySizeAroundAChunk) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, kChunkBytes - 1, kChunkBytes, kChunkBytes + 1, 3 * kChunkBytes + 17
         }) {
        const std::string bytes = pattern(size);
        EXPECT_EQ(store_->get(put(bytes)), bytes) << size;
    }
}

TEST_F(DiskObjects, AreTheSameHoweverTheyWereWritten) {
    const std::string bytes = pattern(2 * kChunkBytes + 999);
    auto writer = store_->begin();
    ASSERT_TRUE(writer);
    for (std::size_t at = 0; at < bytes.size(); at += 77'777) {
        ASSERT_TRUE((*writer)->write(std::string_view(bytes).substr(at, 77'777)));
    }
    const auto streamed = (*writer)->finish();
    ASSERT_TRUE(streamed) << streamed.error().message;
    EXPECT_EQ(streamed->id, put(bytes));
    const auto file = folder_ / "in.bin";
    ASSERT_TRUE(replace_file(file, bytes));
    EXPECT_EQ(store_->put_file(file)->id, streamed->id);
    ASSERT_TRUE(store_->get_file(streamed->id, folder_ / "deep" / "out.bin"));
    EXPECT_EQ(read_file(folder_ / "deep" / "out.bin"), bytes);
}

TEST_F(DiskObjects, GiveAnyRange) {
    const std::string bytes = pattern(2 * kChunkBytes + 100);
    const std::string id = put(bytes);
    const std::vector<ByteRange> ranges{
        {.offset = 0, .length = 1},
        {.offset = kChunkBytes - 1, .length = 2},
        {.offset = 5, .length = 2 * kChunkBytes},
        {.offset = kChunkBytes},
        {.offset = bytes.size() - 1, .length = 100},
        {.offset = bytes.size(), .length = 100},
        {.offset = std::uint64_t{1} << 62, .length = std::numeric_limits<std::uint64_t>::max()},
        {.offset = 7, .length = 0},
    };
    for (const ByteRange& range : ranges) {
        const std::string expected =
            range.offset >= bytes.size() ? "" : bytes.substr(range.offset, range.length);
        EXPECT_EQ(read(id, range), expected) << range.offset << "+" << range.length;
    }
}

TEST_F(DiskObjects, LeaveNothingWhenTheWriterIsDropped) {
    {
        auto writer = store_->begin();
        ASSERT_TRUE((*writer)->write("half"));
        EXPECT_EQ(files_in(folder_ / "incoming"), 1U);
    }
    EXPECT_EQ(files_in(folder_ / "incoming"), 0U);
    EXPECT_EQ(store_->exists(sha256_hex("half")), false);
}

TEST_F(DiskObjects, RemoveOnlyWhatDeadWritersLeft) {
    auto alive = store_->begin();
    ASSERT_TRUE((*alive)->write("alive"));
    ASSERT_TRUE(replace_file(folder_ / "incoming" / "dead", "dead"));
    const auto second = DiskObjectStore::open_folder({.folder = folder_});
    ASSERT_TRUE(second);
    EXPECT_EQ(files_in(folder_ / "incoming"), 1U);
    const auto info = (*alive)->finish();
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ((*second)->get(info->id), "alive");
}

TEST_F(DiskObjects, NeverHandOutADamagedByte) {
    const std::string bytes = pattern(3 * kChunkBytes);
    const std::string id = put(bytes);
    damage(path_of(id), kChunkBytes + 5);
    EXPECT_EQ(read(id, {.offset = 0, .length = kChunkBytes}), bytes.substr(0, kChunkBytes));
    const auto second = read(id, {.offset = kChunkBytes, .length = 1});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(second.error().message, HasSubstr(id));
    EXPECT_FALSE(store_->get(id));
    EXPECT_FALSE(store_->get_file(id, folder_ / "out.bin"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out.bin"));
    const std::string small = put("small");
    damage(path_of(small), 2);
    EXPECT_FALSE(store_->get(small));
}

TEST_F(DiskObjects, AreHealedByPuttingTheContentAgain) {
    const std::string bytes = pattern(2 * kChunkBytes);
    const std::string id = put(bytes);
    damage(path_of(id), 0);
    auto writer = store_->begin();
    ASSERT_TRUE((*writer)->write(bytes));
    ASSERT_TRUE((*writer)->finish());
    EXPECT_EQ(store_->get(id), bytes);
}

TEST_F(DiskObjects, SurviveTheLossOfTheirChecksums) {
    const std::string bytes = pattern(2 * kChunkBytes + 1);
    const std::string id = put(bytes);
    damage(sums_path_of(path_of(id)), 20);
    EXPECT_EQ(store_->get(id), bytes);
    std::filesystem::remove(sums_path_of(path_of(id)));
    EXPECT_EQ(read(id, {.offset = kChunkBytes, .length = 10}), bytes.substr(kChunkBytes, 10));
    damage(path_of(id), 9);
    EXPECT_FALSE(read(id, {.offset = kChunkBytes, .length = 10}));
}

TEST_F(DiskObjects, NoticeAFileCutShort) {
    const std::string id = put(pattern(2 * kChunkBytes));
    std::filesystem::resize_file(path_of(id), kChunkBytes + 1);
    EXPECT_FALSE(store_->get(id));
    EXPECT_FALSE(read(id, {.offset = 0, .length = 1}));
}

TEST_F(DiskObjects, AreListedInPagesByPrefix) {
    std::vector<std::string> ids;
    for (int i = 0; i < 60; ++i) {
        ids.push_back(put("object " + std::to_string(i)));
    }
    std::ranges::sort(ids);
    std::vector<std::string> listed;
    ListQuery query{.prefix = {}, .after = {}, .limit = 7};
    for (;;) {
        const auto page = store_->list(query);
        ASSERT_TRUE(page);
        for (const ObjectInfo& info : page->objects) {
            listed.push_back(info.id);
        }
        if (page->is_last) {
            break;
        }
        ASSERT_EQ(page->objects.size(), 7U);
        query.after = page->objects.back().id;
    }
    EXPECT_EQ(listed, ids);
    for (const std::size_t digits : {1U, 2U, 3U, 5U, 64U}) {
        const std::string prefix = ids[30].substr(0, digits);
        const auto page = store_->list({.prefix = prefix, .after = {}});
        const auto expected =
            std::ranges::count_if(ids, [&](const auto& id) { return id.starts_with(prefix); });
        EXPECT_EQ(static_cast<long>(page->objects.size()), expected) << prefix;
    }
    EXPECT_EQ(store_->list({.prefix = "../..", .after = {}})->objects.size(), 0U);
    EXPECT_EQ(store_->list({.prefix = {}, .after = {}, .limit = 0}).error().code, ErrorCode::kInvalid);
}

TEST_F(DiskObjects, AreGoneAfterRemoval) {
    const std::string id = put(pattern(kChunkBytes + 1));
    EXPECT_TRUE(store_->remove(id));
    EXPECT_TRUE(store_->remove(id));
    EXPECT_EQ(store_->get(id).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(store_->list({})->objects.size(), 0U);
    EXPECT_FALSE(std::filesystem::exists(sums_path_of(path_of(id))));
}

TEST_F(DiskObjects, RefuseNamesThatAreNone) {
    for (const std::string id :
         {"",
          "../../etc/passwd",
          "ABCD",
          "zz",
          "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"}) {
        EXPECT_EQ(store_->get(id).error().code, ErrorCode::kInvalid) << id;
        EXPECT_EQ(store_->stat(id).error().code, ErrorCode::kInvalid) << id;
        EXPECT_EQ(store_->remove(id).error().code, ErrorCode::kInvalid) << id;
    }
}

TEST_F(DiskObjects, RefuseWhatIsOverTheLimits) {
    reopen(10);
    EXPECT_EQ(store_->put("12345678901").error().code, ErrorCode::kTooLarge);
    const std::string id = put("1234567890");
    EXPECT_EQ(store_->get(id, 9).error().code, ErrorCode::kTooLarge);
}

TEST_F(DiskObjects, MayBePutByManyThreadsAtOnce) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([this] {
            for (int j = 0; j < 10; ++j) {
                EXPECT_TRUE(store_->put("same " + std::to_string(j)));
            }
        });
    }
    threads.clear();
    EXPECT_EQ(store_->list({})->objects.size(), 10U);
    EXPECT_EQ(files_in(folder_ / "incoming"), 0U);
}

TEST(ChunkSumsText, IsReadBackAndRefusedWhenDamaged) {
    const std::string text = encode_chunk_sums({.size_bytes = kChunkBytes + 1, .sums = {1, 2}});
    EXPECT_EQ(decode_chunk_sums(text)->sums, (std::vector<std::uint64_t>{1, 2}));
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string broken = text;
        broken[i] = static_cast<char>(broken[i] ^ 4);
        EXPECT_FALSE(decode_chunk_sums(broken)) << i;
        EXPECT_FALSE(decode_chunk_sums(text.substr(0, i))) << i;
    }
    EXPECT_FALSE(decode_chunk_sums(encode_chunk_sums({.size_bytes = 1, .sums = {1, 2}})));
}

}  // namespace
}  // namespace capstan::objects
