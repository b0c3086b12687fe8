// What only SQLite's half of Database promises: group commit and survival of kill -9.

#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/sql/test_database.h"

namespace capstan::sql {
namespace {

class SqliteDatabases : public testing::Test {
protected:
    SqliteDatabases() : folder_(std::filesystem::path(testing::TempDir()) / ("capstan-sqlite-" + new_id())) {}

    ~SqliteDatabases() override { std::filesystem::remove_all(folder_); }

    Database open(DatabaseOptions options = {}) {
        options.url = "sqlite://" + (folder_ / "capstan.db").string();
        auto database = Database::open(options);
        EXPECT_TRUE(database) << database.error().message;
        return std::move(*database);
    }

    static Result<void> run(Database& database, const std::string& script) {
        return database.transact([&](soci::session& session) -> Result<void> {
            run_script(session, script);
            return {};
        });
    }

    static std::int64_t count_rows(Database& database, const std::string& query) {
        return database
            .read([&](soci::session& session) -> Result<std::int64_t> { return count(session, query); })
            .value_or(-1);
    }

    const std::filesystem::path folder_;
};

TEST_F(SqliteDatabases, ShareOneCommitAmongWritersThatWait) {
    Database database = open();
    ASSERT_TRUE(run(database, "CREATE TABLE t (n BIGINT PRIMARY KEY)"));
    const DatabaseStats before = database.stats();
    std::atomic<bool> is_held = false;
    std::vector<std::jthread> writers;
    writers.emplace_back([&] {
        const auto done = database.transact([&](soci::session& session) -> Result<void> {
            is_held = true;
            std::this_thread::sleep_for(std::chrono::milliseconds(200));  // So that the others stand in line.
            execute(session, "INSERT INTO t VALUES (0)");
            return {};
        });
        EXPECT_TRUE(done);
    });
    while (!is_held) {
        std::this_thread::yield();
    }
    for (int i = 1; i <= 20; ++i) {
        writers.emplace_back([&, i] {
            const Result<std::int64_t> done =
                database.transact([&](soci::session& session) -> Result<std::int64_t> {
                    execute(session, "INSERT INTO t VALUES (:n)", {{"n", i}});
                    if (i % 4 == 0) {
                        return Error{ErrorCode::kDenied, "fails alone"};
                    }
                    return i;
                });
            EXPECT_EQ(done.has_value(), i % 4 != 0);
        });
    }
    writers.clear();
    EXPECT_EQ(count_rows(database, "SELECT COUNT(*) FROM t"), 16);
    const DatabaseStats after = database.stats();
    EXPECT_EQ(after.transactions - before.transactions, 16);
    EXPECT_LT(after.commits - before.commits, 16);
}

TEST_F(SqliteDatabases, RefuseAWriterWhenTheLineIsFull) {
    Database database = open({.url = {}, .wait_ms_max = 100, .writes_waiting_max = 1});
    ASSERT_TRUE(run(database, "CREATE TABLE t (n BIGINT)"));
    std::atomic<bool> is_held = false;
    std::atomic<bool> may_end = false;
    std::jthread holder([&] {
        (void)database.transact([&](soci::session&) -> Result<void> {
            is_held = true;
            while (!may_end) {
                std::this_thread::yield();
            }
            return {};
        });
    });
    while (!is_held) {
        std::this_thread::yield();
    }
    std::vector<ErrorCode> codes(2);
    {
        std::vector<std::jthread> late;
        for (int i = 0; i < 2; ++i) {
            late.emplace_back([&, i] {
                codes[static_cast<std::size_t>(i)] = run(database, "DELETE FROM t").error().code;
            });
        }
    }
    may_end = true;
    EXPECT_THAT(codes, testing::UnorderedElementsAre(ErrorCode::kExhausted, ErrorCode::kUnavailable));
}

TEST_F(SqliteDatabases, RefuseOnlyTheWorkThatLeavesAForeignKeyOpen) {
    Database database = open();
    ASSERT_TRUE(
        run(database,
            "CREATE TABLE a (id BIGINT PRIMARY KEY); CREATE TABLE b (a BIGINT REFERENCES a DEFERRABLE "
            "INITIALLY DEFERRED)")
    );
    EXPECT_EQ(run(database, "INSERT INTO b VALUES (7)").error().code, ErrorCode::kConflict);
    EXPECT_TRUE(run(database, "INSERT INTO b VALUES (8); INSERT INTO a VALUES (8)"));
    EXPECT_EQ(count_rows(database, "SELECT COUNT(*) FROM b"), 1);
}

TEST_F(SqliteDatabases, SurviveWorkThatRollsTheTransactionBack) {
    Database database = open();
    ASSERT_TRUE(run(database, "CREATE TABLE t (n BIGINT PRIMARY KEY)"));
    EXPECT_FALSE(run(database, "INSERT INTO t VALUES (1); ROLLBACK"));
    EXPECT_FALSE(run(database, "COMMIT"));
    EXPECT_TRUE(run(database, "INSERT INTO t VALUES (2)"));
    EXPECT_EQ(count_rows(database, "SELECT COUNT(*) FROM t"), 1);
}

TEST_F(SqliteDatabases, SayWhenAnotherProcessHoldsTheWriteLock) {
    Database one = open();
    Database two = open({.url = {}, .wait_ms_max = 100});
    ASSERT_TRUE(run(one, "CREATE TABLE t (n BIGINT)"));
    const Result<void> held = one.transact([&](soci::session&) -> Result<void> {
        const Result<void> blocked = run(two, "INSERT INTO t VALUES (1)");
        EXPECT_EQ(blocked.error().code, ErrorCode::kUnavailable);
        return {};
    });
    EXPECT_TRUE(held);
    EXPECT_TRUE(run(two, "INSERT INTO t VALUES (1)"));
}

TEST_F(SqliteDatabases, AreForTheirUserOnly) {
    Database database = open();
    ASSERT_TRUE(run(database, "CREATE TABLE t (n BIGINT)"));
    const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
        EXPECT_EQ(file.status().permissions() & others, std::filesystem::perms::none) << file.path();
    }
}

// Writes numbers from four threads, in transactions of two rows, and tells `acknowledged` of each that
// returned.
[[noreturn]] void write_until_killed(const std::string& url, int acknowledged) {
    auto database = Database::open({.url = url});
    std::atomic<std::int64_t> next = 0;
    std::vector<std::jthread> writers;
    for (int i = 0; i < 4; ++i) {
        writers.emplace_back([&] {
            for (;;) {
                const std::int64_t n = ++next;
                const Result<void> done = database->transact([&](soci::session& session) -> Result<void> {
                    const Binds binds{{"n", n}, {"process", getpid()}};
                    execute(session, "INSERT INTO t VALUES (:process, :n, 1)", binds);
                    execute(session, "INSERT INTO t VALUES (:process, :n, 2)", binds);
                    return {};
                });
                if (done && ::write(acknowledged, &n, sizeof(n)) != sizeof(n)) {
                    _exit(1);
                }
            }
        });
    }
    writers.clear();
    _exit(0);
}

TEST_F(SqliteDatabases, KeepEveryAcknowledgedCommitWhenTheProcessIsKilled) {
    constexpr int kRounds = 30;
    {
        Database database = open();
        ASSERT_TRUE(run(
            database, "CREATE TABLE t (process BIGINT, n BIGINT, half BIGINT, PRIMARY KEY (process, n, half))"
        ));
    }
    const std::string url = "sqlite://" + (folder_ / "capstan.db").string();
    for (int round = 0; round < kRounds; ++round) {
        std::array<int, 2> pipe{};
        ASSERT_EQ(::pipe(pipe.data()), 0);
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(pipe[0]);
            write_until_killed(url, pipe[1]);
        }
        ::close(pipe[1]);
        std::vector<std::int64_t> acknowledged;
        std::int64_t n = 0;
        const std::size_t enough = 1 + static_cast<std::size_t>(round) * 3;
        while (acknowledged.size() < enough && ::read(pipe[0], &n, sizeof(n)) == sizeof(n)) {
            acknowledged.push_back(n);
        }
        ::kill(child, SIGKILL);
        while (::read(pipe[0], &n, sizeof(n)) == sizeof(n)) {
            acknowledged.push_back(n);
        }
        ::close(pipe[0]);
        ::waitpid(child, nullptr, 0);
        ASSERT_GE(acknowledged.size(), enough);
        Database database = open();
        for (const std::int64_t one : acknowledged) {
            ASSERT_EQ(
                count_rows(
                    database,
                    "SELECT COUNT(*) FROM t WHERE process = " + std::to_string(child) +
                        " AND n = " + std::to_string(one)
                ),
                2
            );
        }
        EXPECT_EQ(
            count_rows(
                database,
                "SELECT COUNT(*) FROM (SELECT n FROM t GROUP BY process, n HAVING COUNT(*) <> 2) AS torn"
            ),
            0
        );
    }
}

}  // namespace
}  // namespace capstan::sql
