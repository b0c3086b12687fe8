#include "platform/sql/bulk.h"

#include <cmath>

#include <gtest/gtest.h>

#include "platform/sql/test_database.h"

namespace capstan::sql {
namespace {

class Bulk : public DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        run_sql(
            std::string(
                "CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT, ratio DOUBLE PRECISION, flag BOOLEAN, raw "
            ) +
            (GetParam() == Dialect::kSqlite ? "BLOB" : "BYTEA") + ", extra TEXT DEFAULT 'd')"
        );
    }

    // Inserts the rows `first` to `last` and returns how many went in.
    Result<std::int64_t> insert(
        std::int64_t first, std::int64_t last, RepeatedKey repeated = RepeatedKey::kFail
    ) {
        return database().transact([&](soci::session& session) -> Result<std::int64_t> {
            BulkInsert rows(session, "t", {"id", "name", "ratio", "flag", "raw"}, repeated);
            for (std::int64_t i = first; i <= last; ++i) {
                rows.integer(i)
                    .text("name " + std::to_string(i))
                    .real(0.5)
                    .boolean(i % 2 == 0)
                    .blob("raw")
                    .end_row();
            }
            return rows.finish();
        });
    }

    std::int64_t counted(const std::string& where) {
        return database()
            .read([&](soci::session& session) -> Result<std::int64_t> {
                return count(session, "SELECT COUNT(*) FROM t WHERE " + where);
            })
            .value_or(-1);
    }
};

TEST_P(Bulk, InsertsAnyNumberOfRows) {
    std::int64_t next = 0;
    for (const std::int64_t rows : {0, 1, 63, 64, 65, 10'000}) {
        const auto inserted = insert(next, next + rows - 1);
        ASSERT_TRUE(inserted) << inserted.error().message;
        EXPECT_EQ(*inserted, rows);
        next += rows;
    }
    EXPECT_EQ(counted("extra = 'd' AND ratio = 0.5"), next);
    EXPECT_EQ(counted("name = 'name 10100' AND flag"), 1);
}

TEST_P(Bulk, KeepsEveryCharacterAndEveryByte) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes += static_cast<char>(i);
    }
    const std::string text = "tab\t line\n return\r back\\slash \\N \\. quote' \" ü 漢 \x01";
    const auto done = database().transact([&](soci::session& session) -> Result<void> {
        BulkInsert rows(session, "t", {"id", "name", "raw", "ratio"});
        rows.integer(std::numeric_limits<std::int64_t>::min()).text(text).blob(bytes).real(1e-300).end_row();
        rows.integer(1).text("").blob("").null().end_row();
        rows.integer(2).null().null().null().end_row();
        EXPECT_EQ(rows.finish(), 3);
        const auto first = select(session, "SELECT * FROM t ORDER BY id", {}, [&](const Row& row) {
            return row.is_null("name") ? "null" : row.text("name");
        });
        EXPECT_EQ(first, (std::vector<std::string>{text, "", "null"}));
        each(session, "SELECT raw, ratio FROM t WHERE id < 0", {}, [&](const Row& row) {
            EXPECT_EQ(row.blob("raw"), bytes);
            EXPECT_EQ(row.real("ratio"), 1e-300);
        });
        EXPECT_EQ(count(session, "SELECT COUNT(*) FROM t WHERE raw IS NULL"), 1);
        return {};
    });
    ASSERT_TRUE(done) << done.error().message;
}

TEST_P(Bulk, FailsAsAWholeOnARepeatedKey) {
    ASSERT_TRUE(insert(50, 50));
    EXPECT_EQ(insert(0, 99).error().code, ErrorCode::kConflict);
    EXPECT_EQ(counted("1 = 1"), 1);
    EXPECT_EQ(insert(0, 10), 11);
}

TEST_P(Bulk, LeavesRepeatedKeysOutWhenAskedTo) {
    ASSERT_TRUE(insert(50, 150));
    EXPECT_EQ(insert(0, 199, RepeatedKey::kSkip), 99);
    EXPECT_EQ(insert(0, 199, RepeatedKey::kSkip), 0);
    EXPECT_EQ(counted("1 = 1"), 200);
}

TEST_P(Bulk, CanBeGivenUp) {
    const auto given_up = database().transact([&](soci::session& session) -> Result<void> {
        BulkInsert rows(session, "t", {"id"});
        for (int i = 0; i < 1'000; ++i) {
            rows.integer(i).end_row();
        }
        return Error{ErrorCode::kCancelled, "enough"};
    });
    EXPECT_EQ(given_up.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(counted("1 = 1"), 0);
    EXPECT_EQ(insert(0, 9), 10);
}

TEST_P(Bulk, RefusesTextsThatOneDatabaseWouldSpoil) {
    const auto code = [&](const std::string& text) {
        return database()
            .transact([&](soci::session& session) -> Result<void> {
                BulkInsert rows(session, "t", {"id", "name"});
                rows.integer(1).text(text).end_row();
                rows.finish();
                return {};
            })
            .error()
            .code;
    };
    EXPECT_EQ(code(std::string("a\0b", 3)), ErrorCode::kInvalid);
    EXPECT_EQ(code("\xff"), ErrorCode::kInvalid);
}

TEST_P(Bulk, SaysInternalForATableThatIsNotThere) {
    const auto missing = database().transact([&](soci::session& session) -> Result<void> {
        BulkInsert rows(session, "nowhere", {"id"});
        rows.integer(1).end_row();
        rows.finish();
        return {};
    });
    EXPECT_EQ(missing.error().code, ErrorCode::kInternal);
}

INSTANTIATE_TEST_SUITE_P(Both, Bulk, both_dialects(), dialect_name);

}  // namespace
}  // namespace capstan::sql
