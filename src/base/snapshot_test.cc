#include "base/snapshot.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace capstan {
namespace {

TEST(Snapshot, ReaderKeepsTheValueThatItBeganWith) {
    Snapshot<std::vector<int>> snapshot;
    EXPECT_TRUE(snapshot.load()->empty());
    snapshot.store({1});
    const auto kept = snapshot.load();
    snapshot.store({2, 3});
    EXPECT_EQ(*kept, std::vector<int>{1});
    EXPECT_EQ(*snapshot.load(), (std::vector<int>{2, 3}));
}

TEST(Snapshot, ReloadThatFailsKeepsTheOldValue) {
    Snapshot<int> snapshot;
    snapshot.store(7);
    const auto reloaded = snapshot.reload([]() -> Result<int> {
        return Error{ErrorCode::kUnavailable, "the database is away"};
    });
    ASSERT_FALSE(reloaded);
    EXPECT_EQ(reloaded.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(*snapshot.load(), 7);
}

// What keeps a revoked key from coming back: the source only grows, so must what readers see.
TEST(Snapshot, ReloadsAtOnceNeverPutAnOlderValueBack) {
    Snapshot<int> snapshot;
    std::atomic<int> source = 0;
    std::atomic<bool> is_done = false;
    std::atomic<int> steps_back = 0;
    std::thread reader([&] {
        int last = 0;
        while (!is_done) {
            const int now = *snapshot.load();
            steps_back += now < last ? 1 : 0;
            last = now;
        }
    });
    const auto reload_often = [&] {
        for (int i = 0; i < 2000; ++i) {
            ++source;
            ASSERT_TRUE(snapshot.reload([&]() -> Result<int> {
                const int read = source;
                std::this_thread::yield();
                return read;
            }));
        }
    };
    std::thread first(reload_often);
    std::thread second(reload_often);
    first.join();
    second.join();
    is_done = true;
    reader.join();
    EXPECT_EQ(steps_back, 0);
    EXPECT_EQ(*snapshot.load(), 4000);
}

}  // namespace
}  // namespace capstan
