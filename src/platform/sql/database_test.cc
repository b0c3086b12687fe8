#include "platform/sql/database.h"

#include <atomic>
#include <barrier>
#include <cmath>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include "platform/sql/test_database.h"

namespace capstan::sql {
namespace {

class Databases : public DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        run_sql("CREATE TABLE accounts (id TEXT PRIMARY KEY, cents BIGINT NOT NULL CHECK (cents >= 0))");
    }

    Result<std::int64_t> put(const std::string& id, std::int64_t cents) {
        return database().transact([&](soci::session& session) -> Result<std::int64_t> {
            return execute(
                session,
                "INSERT INTO accounts (id, cents) VALUES (:id, :cents)",
                {{"id", id}, {"cents", cents}}
            );
        });
    }

    std::int64_t cents_of(const std::string& id) {
        return database()
            .read([&](soci::session& session) -> Result<std::int64_t> {
                return count(session, "SELECT cents FROM accounts WHERE id = :id", {{"id", id}});
            })
            .value_or(-1);
    }

    std::int64_t rows() {
        return database()
            .read([](soci::session& session) -> Result<std::int64_t> {
                return count(session, "SELECT COUNT(*) FROM accounts");
            })
            .value_or(-1);
    }
};

TEST_P(Databases, KeepWhatWasCommittedAcrossARestart) {
    ASSERT_EQ(put("a", 5), 1);
    reopen();
    EXPECT_EQ(cents_of("a"), 5);
}

TEST_P(Databases, TakeBackAWorkThatReturnsAnError) {
    const Result<void> refused = database().transact([](soci::session& session) -> Result<void> {
        execute(session, "INSERT INTO accounts (id, cents) VALUES ('a', 1)");
        return Error{ErrorCode::kDenied, "not you"};
    });
    EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
    EXPECT_EQ(refused.error().message, "not you");
    EXPECT_EQ(rows(), 0);
}

TEST_P(Databases, SayConflictForARepeatedKeyAndGoOn) {
    ASSERT_TRUE(put("a", 1));
    const auto again = put("a", 2);
    EXPECT_EQ(again.error().code, ErrorCode::kConflict) << again.error().message;
    EXPECT_EQ(put("b", 3), 1);
    EXPECT_EQ(cents_of("a"), 1);
}

TEST_P(Databases, SayInvalidForAValueThatACheckRefuses) {
    EXPECT_EQ(put("a", -1).error().code, ErrorCode::kInvalid);
}

TEST_P(Databases, SayInternalForBrokenSql) {
    const Result<void> broken = database().transact([](soci::session& session) -> Result<void> {
        execute(session, "SELEKT 1");
        return {};
    });
    EXPECT_EQ(broken.error().code, ErrorCode::kInternal);
}

TEST_P(Databases, TranslateWhatSociThrows) {
    ASSERT_TRUE(put("a", 1));
    const Result<void> twice = database().transact([](soci::session& session) -> Result<void> {
        session << "INSERT INTO accounts (id, cents) VALUES ('a', 2)";
        return {};
    });
    EXPECT_FALSE(twice);
    EXPECT_EQ(put("b", 1), 1);
}

TEST_P(Databases, RefuseToChangeAnythingInARead) {
    const Result<void> changed = database().read([](soci::session& session) -> Result<void> {
        execute(session, "INSERT INTO accounts (id, cents) VALUES ('a', 1)");
        return {};
    });
    EXPECT_FALSE(changed);
    EXPECT_EQ(rows(), 0);
}

TEST_P(Databases, ReadOneSnapshotWhileOthersWrite) {
    ASSERT_TRUE(put("a", 1));
    const Result<void> same = database().read([&](soci::session& session) -> Result<void> {
        const std::int64_t before = count(session, "SELECT COUNT(*) FROM accounts");
        std::jthread([&] { EXPECT_TRUE(put("b", 1)); }).join();
        EXPECT_EQ(count(session, "SELECT COUNT(*) FROM accounts"), before);
        return {};
    });
    ASSERT_TRUE(same) << same.error().message;
    EXPECT_EQ(rows(), 2);
}

TEST_P(Databases, LoseNoUpdateAmongManyThreads) {
    constexpr int kThreads = 8;
    constexpr int kRounds = 25;
    reopen({.url = {}, .wait_ms_max = 60'000});
    ASSERT_TRUE(put("a", 0));
    std::vector<std::jthread> threads;
    std::atomic<int> done = 0;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < kRounds;) {
                const Result<void> added = database().transact([](soci::session& session) -> Result<void> {
                    const auto cents = count(session, "SELECT cents FROM accounts WHERE id = 'a'");
                    execute(
                        session, "UPDATE accounts SET cents = :cents WHERE id = 'a'", {{"cents", cents + 1}}
                    );
                    return {};
                });
                round += added ? 1 : 0;  // The bounded retries may end; the caller's own repeat must be safe.
                done += added ? 1 : 0;
                if (!added) {
                    EXPECT_EQ(added.error().code, ErrorCode::kUnavailable) << added.error().message;
                }
            }
        });
    }
    threads.clear();
    EXPECT_EQ(done, kThreads * kRounds);
    EXPECT_EQ(cents_of("a"), kThreads * kRounds);
}

// Two withdrawals that each see enough for both: only serializable transactions refuse the second.
TEST_P(Databases, NeverLetTwoTransactionsOverdrawTogether) {
    reopen({.url = {}, .wait_ms_max = 60'000});
    ASSERT_TRUE(put("a", 100));
    ASSERT_TRUE(put("b", 100));
    std::barrier start(2);
    const auto withdraw = [&](const char* from) {
        start.arrive_and_wait();
        (void)database().transact([&](soci::session& session) -> Result<void> {
            if (count(session, "SELECT CAST(SUM(cents) AS BIGINT) FROM accounts") < 200) {
                return Error{ErrorCode::kExhausted, "too poor"};
            }
            execute(session, "UPDATE accounts SET cents = cents - 100 WHERE id = :id", {{"id", from}});
            return {};
        });
    };
    {
        const std::jthread one(withdraw, "a");
        const std::jthread two(withdraw, "b");
    }
    EXPECT_EQ(cents_of("a") + cents_of("b"), 100);
}

TEST_P(Databases, StopAStatementThatTakesTooLong) {
    reopen({.url = {}, .statement_ms_max = 100});
    const Result<void> endless = database().transact([](soci::session& session) -> Result<void> {
        count(
            session,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT "
            "COUNT(*) FROM n"
        );
        return {};
    });
    EXPECT_EQ(endless.error().code, ErrorCode::kUnavailable) << endless.error().message;
    EXPECT_EQ(put("a", 1), 1);
}

TEST_P(Databases, DieWhenWorkCallsBackIntoTheSameDatabase) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        (void)database().read([&](soci::session&) -> Result<void> {
            return database().transact([](soci::session&) -> Result<void> { return {}; });
        }),
        "may not call back"
    );
}

INSTANTIATE_TEST_SUITE_P(Both, Databases, both_dialects(), dialect_name);

TEST(DatabaseUrl, RefusesWhatItDoesNotKnowWithoutShowingIt) {
    const auto opened = Database::open({.url = "mysql://user:secret@host/db"});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(opened.error().message, testing::Not(testing::HasSubstr("secret")));
}

TEST(DatabaseUrl, SaysWhenPostgresqlIsAway) {
    const auto opened = Database::open({.url = "postgresql://127.0.0.1:1/none", .wait_ms_max = 50});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace capstan::sql
