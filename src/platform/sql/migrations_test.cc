#include "platform/sql/migrations.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/sql/test_database.h"

namespace capstan::sql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Migration kRuns{
    .room = "tracking", .number = 1, .name = "runs", .text = "CREATE TABLE runs (id TEXT PRIMARY KEY);\n"
};
constexpr Migration kNames{
    .room = "tracking", .number = 2, .name = "names", .text = R"(ALTER TABLE runs ADD COLUMN name TEXT;
-- dialect: sqlite
CREATE TABLE only_here (raw BLOB);
-- dialect: postgresql
CREATE TABLE only_here (raw BYTEA);
-- dialect: both
INSERT INTO runs (id, name) VALUES ('first', 'a; b');
)"
};
constexpr Migration kBroken{
    .room = "tracking", .number = 3, .name = "broken", .text = "CREATE TABLE half (a TEXT); CREATE NONSENSE;"
};

class Migrations : public DatabaseTest {
protected:
    Result<std::vector<std::string>> up(const std::vector<Migration>& all) {
        return sql::migrate(database(), {std::span<const Migration>(all)}, [] { return std::int64_t{42}; });
    }

    std::int64_t rows_of(const std::string& table) {
        return database()
            .read([&](soci::session& session) -> Result<std::int64_t> {
                return count(session, "SELECT COUNT(*) FROM " + table);
            })
            .value_or(-1);
    }
};

TEST_P(Migrations, ApplyInOrderAndOnlyOnce) {
    EXPECT_THAT(up({kRuns}).value(), ElementsAre("tracking/0001_runs"));
    const auto second = up({kRuns, kNames});
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_THAT(*second, ElementsAre("tracking/0002_names"));
    EXPECT_THAT(up({kRuns, kNames}).value(), IsEmpty());
    EXPECT_EQ(rows_of("runs"), 1);
    EXPECT_EQ(rows_of("only_here"), 0);
}

TEST_P(Migrations, ChangeNothingWhenOneFails) {
    const auto failed = up({kRuns, kNames, kBroken});
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().message, HasSubstr("tracking/0003_broken"));
    EXPECT_EQ(rows_of("runs"), -1);
    EXPECT_TRUE(up({kRuns}));
}

TEST_P(Migrations, RefuseADatabaseNewerThanTheProgram) {
    ASSERT_TRUE(up({kRuns, kNames}));
    const auto older = up({kRuns});
    EXPECT_EQ(older.error().code, ErrorCode::kConflict);
    EXPECT_THAT(older.error().message, HasSubstr("newer than this program"));
    EXPECT_THAT(older.error().message, HasSubstr("tracking/0002_names"));
}

TEST_P(Migrations, RefuseAFileChangedAfterItWasApplied) {
    ASSERT_TRUE(up({kRuns}));
    Migration changed = kRuns;
    changed.text = "CREATE TABLE runs (id TEXT PRIMARY KEY, extra TEXT);\n";
    const auto refused = up({changed});
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_THAT(refused.error().message, HasSubstr("was changed"));
}

TEST_P(Migrations, RefuseOneThatCommits) {
    Migration commits = kRuns;
    commits.text = "CREATE TABLE runs (id TEXT); COMMIT;";
    EXPECT_FALSE(up({commits}));
}

TEST_P(Migrations, RefuseAGapInTheNumbers) {
    EXPECT_FALSE(up({kNames}));
}

TEST_P(Migrations, ApplyOnceWhenSeveralProcessesStartTogether) {
    std::atomic<int> applied = 0;
    std::vector<std::jthread> starts;
    for (int i = 0; i < 4; ++i) {
        starts.emplace_back([&] {
            auto own = Database::open({.url = url()});
            ASSERT_TRUE(own) << own.error().message;
            const std::vector<Migration> all{kRuns, kNames};
            const auto done = sql::migrate(*own, {std::span<const Migration>(all)});
            ASSERT_TRUE(done) << done.error().message;
            applied += static_cast<int>(done->size());
        });
    }
    starts.clear();
    EXPECT_EQ(applied, 2);
    EXPECT_EQ(rows_of("runs"), 1);
}

INSTANTIATE_TEST_SUITE_P(Both, Migrations, both_dialects(), dialect_name);

TEST(MigrationText, IsCutByDialect) {
    constexpr std::string_view kText =
        "a\n-- dialect: sqlite\nb\n--  not a marker\n-- dialect:postgresql  \nc\n-- dialect: both\nd";
    EXPECT_EQ(text_for(kText, Dialect::kSqlite), "a\nb\n--  not a marker\nd");
    EXPECT_EQ(text_for(kText, Dialect::kPostgresql), "a\nc\nd");
    EXPECT_EQ(text_for("-- dialect: oracle\n", Dialect::kSqlite).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(text_for("-- dialect:", Dialect::kSqlite).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(text_for("", Dialect::kSqlite), "");
}

}  // namespace
}  // namespace capstan::sql
