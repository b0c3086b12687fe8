// What only PostgreSQL's half of Database promises: retries and reconnection.

#include <atomic>
#include <barrier>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_paths.h"
#include "platform/sql/test_database.h"

namespace capstan::sql {
namespace {

class PostgresqlDatabases : public DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        run_sql(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0)"
        );
    }

    // Ends the server's side of all connections of this test's database, as a restart does.
    void cut_connections() {
        auto other = Database::open({.url = url(), .connections = 1});
        ASSERT_TRUE(other) << other.error().message;
        const auto cut = other->upgrade([](soci::session& session) -> Result<std::int64_t> {
            return count(
                session,
                "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "
                "'capstan' "
                "AND pid <> pg_backend_pid() AND query LIKE '%cut me%'"
            );
        });
        ASSERT_TRUE(cut) << cut.error().message;
    }

    // Leaves on its connection a mark by which cut_connections knows it.
    Result<void> touch(soci::session& session) {
        count(session, "SELECT 1 /* cut me */");
        return {};
    }
};

TEST_P(PostgresqlDatabases, ReconnectWhenAnIdleConnectionWasCut) {
    reopen({.url = {}, .connections = 1});
    ASSERT_TRUE(database().upgrade([&](soci::session& session) { return touch(session); }));
    // The mark must be the connection's last statement: COMMIT would hide it, so the cut happens inside a
    // read.
    int runs = 0;
    const auto done = database().transact([&](soci::session& session) -> Result<void> {
        if (++runs == 1) {
            touch(session).value();
            cut_connections();
        }
        execute(session, "UPDATE t SET n = n + 1 WHERE id = 1");
        return {};
    });
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(runs, 2);
    EXPECT_GE(database().stats().retries, 1);
    const auto n = database().read([](soci::session& session) -> Result<std::int64_t> {
        return count(session, "SELECT n FROM t WHERE id = 1");
    });
    EXPECT_EQ(n, 1);
}

TEST_P(PostgresqlDatabases, RunAgainTheVictimOfADeadlock) {
    std::barrier both(2);
    std::atomic<int> runs = 0;
    const auto update = [&](std::int64_t first, std::int64_t second) {
        bool is_first_run = true;
        const auto done = database().transact([&](soci::session& session) -> Result<void> {
            ++runs;
            execute(session, "UPDATE t SET n = n + 1 WHERE id = :id", {{"id", first}});
            if (std::exchange(is_first_run, false)) {
                both.arrive_and_wait();
            }
            execute(session, "UPDATE t SET n = n + 1 WHERE id = :id", {{"id", second}});
            return {};
        });
        EXPECT_TRUE(done) << done.error().message;
    };
    {
        const std::jthread one(update, 1, 2);
        const std::jthread two(update, 2, 1);
    }
    EXPECT_GE(runs, 3);
    const auto sum = database().read([](soci::session& session) -> Result<std::int64_t> {
        return count(session, "SELECT CAST(SUM(n) AS BIGINT) FROM t");
    });
    EXPECT_EQ(sum, 4);
}

TEST_P(PostgresqlDatabases, SayWhenAllConnectionsAreBusy) {
    reopen({.url = {}, .connections = 1, .wait_ms_max = 100});
    std::atomic<bool> is_held = false;
    std::atomic<bool> may_end = false;
    std::jthread holder([&] {
        (void)database().read([&](soci::session&) -> Result<void> {
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
    const auto late = database().read([](soci::session&) -> Result<void> { return {}; });
    EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(late.error().message, testing::HasSubstr("busy"));
    may_end = true;
}

TEST_P(PostgresqlDatabases, SayThatTheOutcomeIsUnknownWhenTheCommitIsCutOff) {
    reopen({.url = {}, .connections = 1});
    int runs = 0;
    // The last statement before COMMIT ends its own connection a moment later: COMMIT finds it gone.
    const auto done = database().transact([&](soci::session& session) -> Result<void> {
        ++runs;
        touch(session).value();
        cut_connections();
        return {};
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(done.error().message, testing::HasSubstr("unknown"));
    EXPECT_TRUE(database().read([](soci::session&) -> Result<void> { return {}; }));
}

INSTANTIATE_TEST_SUITE_P(Server, PostgresqlDatabases, testing::Values(Dialect::kPostgresql), dialect_name);

// A server of its own, stopped and started again under an open Database.
TEST(PostgresqlRestart, IsSurvivedByAnOpenDatabase) {
    const std::filesystem::path state =
        std::filesystem::path(testing::TempDir()) / ("capstan-restart-" + new_id());
    const auto start = [&] {
        const std::string command =
            "'" + source_directory().string() + "/scripts/test_postgresql' start '" + state.string() + "'";
        return std::system(command.c_str());
    };
    const auto server_pid = [&]() -> pid_t {
        const auto folder = read_file(state / "folder");
        const auto pid =
            folder ? read_file(folder->substr(0, folder->find('\n')) + "/data/postmaster.pid") : folder;
        return pid ? std::atoi(pid->c_str()) : 0;
    };
    ASSERT_TRUE(create_folders(state));
    auto lock = open_file(state / "users.lock", O_RDWR | O_CREAT | O_CLOEXEC);
    ASSERT_TRUE(lock);
    ASSERT_EQ(::flock(lock->get(), LOCK_SH), 0);
    ASSERT_EQ(start(), 0) << "apt-get install postgresql-15";
    const auto folder = read_file(state / "folder");
    ASSERT_TRUE(folder);
    // The socket's folder changes with each start: a link stands for an address that stays.
    const auto link = state / "socket";
    const auto aim = [&] {
        const auto now = read_file(state / "folder");
        std::filesystem::remove(link);
        std::filesystem::create_directory_symlink(now->substr(0, now->find('\n')), link);
    };
    aim();
    auto database = Database::open(
        {.url = "postgresql:///postgres?user=postgres&host=" + link.string(), .wait_ms_max = 60'000}
    );
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(database->read([](soci::session&) -> Result<void> { return {}; }));
    ASSERT_GT(server_pid(), 0);
    ASSERT_EQ(::kill(server_pid(), SIGQUIT), 0);
    std::jthread restarter([&] {
        while (std::filesystem::exists(state / "folder")) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        EXPECT_EQ(start(), 0);
        aim();
    });
    while (std::filesystem::exists(state / "folder")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const auto after = database->transact([](soci::session& session) -> Result<std::int64_t> {
        return count(session, "SELECT 7");
    });
    restarter.join();
    EXPECT_EQ(after, 7) << (after ? "" : after.error().message);
    lock->close();
    ::kill(server_pid(), SIGQUIT);
    while (std::filesystem::exists(state / "folder")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::filesystem::remove_all(state);
}

}  // namespace
}  // namespace capstan::sql
