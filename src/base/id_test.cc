#include "base/id.h"

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace capstan {
namespace {

TEST(Id, IsAUuidOfVersion7) {
    const std::string id = new_id();
    EXPECT_TRUE(is_uuid(id));
    EXPECT_EQ(id[14], '7');
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
    EXPECT_TRUE(std::ranges::none_of(id, [](char c) { return c >= 'A' && c <= 'F'; }));
}

TEST(Id, OpensWithTheTime) {
    const std::int64_t before = system_now_ms();
    const std::string id = new_id();
    const auto ms = static_cast<std::int64_t>(std::stoull(id.substr(0, 8) + id.substr(9, 4), nullptr, 16));
    EXPECT_GE(ms, before);
    // Ids made in one burst may run ahead of the clock: a millisecond for each 4,096 of them.
    EXPECT_LE(ms, system_now_ms() + 1000);
}

TEST(Id, StrictlyIncreasesMoreThan4096TimesAMillisecond) {
    std::string before = new_id();
    for (int i = 0; i < 50'000; ++i) {
        std::string id = new_id();
        ASSERT_LT(before, id);
        before = std::move(id);
    }
}

TEST(Id, IsUniqueAcrossThreads) {
    std::vector<std::vector<std::string>> made(4);
    {
        std::vector<std::jthread> threads;
        for (auto& ids : made) {
            threads.emplace_back([&ids] {
                for (int i = 0; i < 5000; ++i) {
                    ids.push_back(new_id());
                }
            });
        }
    }
    std::set<std::string> all;
    for (const auto& ids : made) {
        EXPECT_TRUE(std::ranges::is_sorted(ids));
        all.insert(ids.begin(), ids.end());
    }
    EXPECT_EQ(all.size(), 20'000U);
}

TEST(Id, KnowsAUuidByItsForm) {
    EXPECT_TRUE(is_uuid("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"));  // RFC 9562, appendix A.6.
    EXPECT_TRUE(is_uuid("00000000-0000-0000-0000-000000000000"));
    EXPECT_FALSE(is_uuid(""));
    EXPECT_FALSE(is_uuid("017F22E2-79B0-7CC3-98C4-DC0C0C07398"));
    EXPECT_FALSE(is_uuid("017F22E2-79B0-7CC3-98C4-DC0C0C07398FF"));
    EXPECT_FALSE(is_uuid("017F22E2079B0-7CC3-98C4-DC0C0C07398F"));
    EXPECT_FALSE(is_uuid("017F22E2-79B0-7CC3-98C4-DC0C0C07398G"));
    EXPECT_FALSE(is_uuid("../../../../../../../../etc/passwd.."));
}

}  // namespace
}  // namespace capstan
