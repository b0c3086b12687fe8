#pragma once

// For *_test.cc only: runs each test of a store on SQLite and on PostgreSQL.
//
//     class RunStoreTest : public capstan::sql::DatabaseTest {
//         void SetUp() override { DatabaseTest::SetUp(); migrate(tracking::migrations()); }
//     };
//     TEST_P(RunStoreTest, RefusesARepeatedId) { database().transact(...); }
//     INSTANTIATE_TEST_SUITE_P(Databases, RunStoreTest, capstan::sql::both_dialects(),
//     capstan::sql::dialect_name);
//
// SQLite: a file of its own. PostgreSQL: a schema of its own on the server of scripts/test_postgresql, which
// the first test starts and which goes when the last one has gone. Never skipped: without PostgreSQL the test
// fails and says what to install.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/id.h"
#include "base/test_paths.h"
#include "platform/sql/database.h"
#include "platform/sql/migrations.h"
#include "platform/sql/statement.h"

namespace capstan::sql {

inline auto both_dialects() {
    return testing::Values(Dialect::kSqlite, Dialect::kPostgresql);
}

inline std::string dialect_name(const testing::TestParamInfo<Dialect>& info) {
    return info.param == Dialect::kSqlite ? "Sqlite" : "Postgresql";
}

// The server of scripts/test_postgresql, held while this lives.
class TestServer {
public:
    static Result<TestServer> hold() {
        const std::filesystem::path state = program_directory().parent_path() / "test-postgresql";
        if (Result<void> made = create_folders(state); !made) {
            return made.error();
        }
        Result<FileDescriptor> lock = open_file(state / "users.lock", O_RDWR | O_CREAT | O_CLOEXEC);
        if (!lock) {
            return lock.error();
        }
        for (int i = 0; ::flock(lock->get(), LOCK_SH | LOCK_NB) != 0; ++i) {
            if (i == 24000) {
                return Error{ErrorCode::kUnavailable, "the PostgreSQL for tests did not stop in 240 s"};
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        TestServer server(std::move(*lock), state);
        if (Result<void> running = server.start(); !running) {
            return running.error();
        }
        return server;
    }

    // For a connection whose tables are in `schema`.
    std::string url(const std::string& schema) const {
        return "postgresql:///postgres?host=" + folder_ + "&user=postgres&options=-csearch_path%3D" + schema;
    }

private:
    TestServer(FileDescriptor lock, std::filesystem::path state)
        : lock_(std::move(lock)), state_(std::move(state)) {}

    bool answers() {
        const Result<std::string> folder = read_file(state_ / "folder");
        if (!folder) {
            return false;
        }
        folder_ = folder->substr(0, folder->find('\n'));
        return Database::open({.url = url("public"), .connections = 1, .wait_ms_max = 1}).has_value();
    }

    Result<void> start() {
        if (answers()) {
            return {};
        }
        const std::string log = (state_ / ("start-" + new_id() + ".log")).string();
        const std::string command = "'" + source_directory().string() + "/scripts/test_postgresql' start '" +
                                    state_.string() + "' >'" + log + "' 2>&1";
        const int status = std::system(command.c_str());
        const Result<std::string> said = read_file(log);
        std::filesystem::remove(log);
        if (status != 0 || !answers()) {
            return Error{
                ErrorCode::kUnavailable,
                "no PostgreSQL for tests (apt-get install postgresql-15): " + (said ? *said : std::string())
            };
        }
        return {};
    }

    FileDescriptor lock_;
    std::filesystem::path state_;
    std::string folder_;
};

class DatabaseTest : public testing::TestWithParam<Dialect> {
protected:
    void SetUp() override {
        id_ = new_id();
        if (GetParam() == Dialect::kSqlite) {
            url_ = "sqlite://" + sqlite_folder().string() + "/capstan.db";
        } else {
            make_schema();
        }
        ASSERT_FALSE(url_.empty());
        reopen();
    }

    void TearDown() override {
        database_.reset();
        if (server_) {
            run_on_server("DROP SCHEMA " + schema() + " CASCADE");
        }
        std::filesystem::remove_all(sqlite_folder());
    }

    Database& database() { return *database_; }

    const std::string& url() const { return url_; }

    // Closes the database and opens it again, as a restart of the program does.
    void reopen(DatabaseOptions options = {}) {
        database_.reset();
        options.url = url_;
        Result<Database> opened = Database::open(options);
        ASSERT_TRUE(opened) << opened.error().message;
        database_ = std::make_unique<Database>(std::move(*opened));
    }

    void migrate(std::span<const Migration> migrations) {
        const auto done = sql::migrate(*database_, {migrations});
        ASSERT_TRUE(done) << done.error().message;
    }

    // Runs SQL of one or more statements in one transaction.
    void run_sql(const std::string& script) {
        const Result<void> done = database_->transact([&](soci::session& session) -> Result<void> {
            run_script(session, script);
            return {};
        });
        ASSERT_TRUE(done) << done.error().message;
    }

private:
    std::string schema() const { return "test_" + id_.substr(0, 8) + id_.substr(24); }

    std::filesystem::path sqlite_folder() const {
        return std::filesystem::path(testing::TempDir()) / ("capstan-sql-" + id_);
    }

    void make_schema() {
        Result<TestServer> server = TestServer::hold();
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::make_unique<TestServer>(std::move(*server));
        run_on_server("CREATE SCHEMA " + schema());
        url_ = server_->url(schema());
    }

    void run_on_server(const std::string& statement) {
        Result<Database> admin = Database::open({.url = server_->url("public"), .connections = 1});
        ASSERT_TRUE(admin) << admin.error().message;
        const Result<void> done = admin->upgrade([&](soci::session& session) -> Result<void> {
            run_script(session, statement);
            return {};
        });
        ASSERT_TRUE(done) << done.error().message;
    }

    std::string id_;
    std::string url_;
    std::unique_ptr<TestServer> server_;
    std::unique_ptr<Database> database_;
};

}  // namespace capstan::sql
