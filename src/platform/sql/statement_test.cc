#include "platform/sql/statement.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/sql/test_database.h"

namespace capstan::sql {
namespace {

using testing::ElementsAre;

class Statements : public DatabaseTest {
protected:
    // Runs `work` in a transaction and returns its error code, or nothing when it went well.
    template <typename F>
    std::optional<ErrorCode> run(F work) {
        const Result<void> done = database().transact([&](soci::session& session) -> Result<void> {
            work(session);
            return {};
        });
        return done ? std::nullopt : std::optional(done.error().code);
    }
};

TEST_P(Statements, ReadBackEveryTypeAsItWasWritten) {
    const std::string bytes("\0\x01'\\\xff", 5);
    EXPECT_EQ(
        run([&](soci::session& session) {
            run_script(
                session,
                std::string(
                    "CREATE TABLE t (big BIGINT, flag BOOLEAN, ratio DOUBLE PRECISION, name TEXT, raw "
                ) + (dialect_of(session) == Dialect::kSqlite ? "BLOB" : "BYTEA") +
                    ")"
            );
            execute(
                session,
                "INSERT INTO t VALUES (:big, :flag, :ratio, :name, :raw)",
                {{"big", std::numeric_limits<std::int64_t>::min()},
                 {"flag", true},
                 {"ratio", 0.1},
                 {"name", "Ærø ' \" \\ 'x' 漢"},
                 {"raw", Blob{bytes}}}
            );
            each(session, "SELECT * FROM t", {}, [&](const Row& row) {
                EXPECT_EQ(row.integer("big"), std::numeric_limits<std::int64_t>::min());
                EXPECT_TRUE(row.boolean("flag"));
                EXPECT_EQ(row.real("ratio"), 0.1);
                EXPECT_EQ(row.text("name"), "Ærø ' \" \\ 'x' 漢");
                EXPECT_EQ(row.blob("raw"), bytes);
            });
        }),
        std::nullopt
    );
}

TEST_P(Statements, ReadNullsThroughOptionals) {
    EXPECT_EQ(
        run([&](soci::session& session) {
            run_script(session, "CREATE TABLE t (a BIGINT, b TEXT, c DOUBLE PRECISION, d BOOLEAN)");
            execute(
                session,
                "INSERT INTO t VALUES (:a, :b, :c, :d)",
                {{"a", std::optional<std::int64_t>()}, {"b", std::nullopt}, {"c", nullptr}, {"d", {}}}
            );
            each(session, "SELECT * FROM t", {}, [](const Row& row) {
                EXPECT_EQ(row.optional_integer("a"), std::nullopt);
                EXPECT_EQ(row.optional_text("b"), std::nullopt);
                EXPECT_EQ(row.optional_real("c"), std::nullopt);
                EXPECT_EQ(row.optional_boolean("d"), std::nullopt);
            });
        }),
        std::nullopt
    );
    EXPECT_EQ(
        run([](soci::session& session) {
            each(session, "SELECT a FROM t", {}, [](const Row& row) { (void)row.integer("a"); });
        }),
        ErrorCode::kInternal
    );
}

TEST_P(Statements, KeepJsonAsText) {
    EXPECT_EQ(
        run([](soci::session& session) {
            run_script(session, "CREATE TABLE t (meta TEXT)");
            execute(
                session, "INSERT INTO t VALUES (:meta)", {{"meta", Json::object({{"a b", "x"}, {"n", 1}})}}
            );
            const auto meta =
                find(session, "SELECT meta FROM t", {}, [](const Row& row) { return row.json("meta"); });
            EXPECT_EQ((*meta)["n"].as_int(), 1);
            const std::string member = json_member(dialect_of(session), "meta", "n");
            EXPECT_EQ(
                *find(
                    session,
                    "SELECT " + member + " AS n FROM t",
                    {},
                    [](const Row& row) { return row.text("n"); }
                ),
                "1"
            );
        }),
        std::nullopt
    );
}

TEST_P(Statements, CountChangedRowsAndTellOfARepeatedKeyByZero) {
    EXPECT_EQ(
        run([](soci::session& session) {
            run_script(session, "CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT)");
            EXPECT_EQ(execute(session, "INSERT INTO t VALUES ('a', 1), ('b', 2)"), 2);
            EXPECT_EQ(execute(session, "INSERT INTO t VALUES ('a', 3) ON CONFLICT DO NOTHING"), 0);
            EXPECT_EQ(
                execute(
                    session, "INSERT INTO t VALUES ('a', 3) ON CONFLICT (id) DO UPDATE SET n = excluded.n"
                ),
                1
            );
            EXPECT_EQ(execute(session, "DELETE FROM t WHERE n > :n", {{"n", 10}}), 0);
            EXPECT_EQ(execute(session, "UPDATE t SET n = 0"), 2);
            EXPECT_EQ(count(session, "SELECT COUNT(*) FROM t WHERE n = 0"), 2);
        }),
        std::nullopt
    );
}

TEST_P(Statements, BindOneNameWhereverItOccurs) {
    EXPECT_EQ(
        run([](soci::session& session) {
            run_script(session, "CREATE TABLE t (id TEXT, n BIGINT)");
            execute(session, "INSERT INTO t VALUES ('a', 1), ('b', 2)");
            const auto ids = [&](const std::optional<std::string>& id) {
                return select(
                    session,
                    "SELECT id FROM t WHERE (:id IS NULL OR id = :id) ORDER BY id LIMIT :n",
                    {{"n", 5}, {"id", id}},
                    [](const Row& row) { return row.text("id"); }
                );
            };
            EXPECT_THAT(ids({}), ElementsAre("a", "b"));
            EXPECT_THAT(ids("b"), ElementsAre("b"));
            EXPECT_EQ(
                find(
                    session,
                    "SELECT id FROM t WHERE id = ':id'",
                    {},
                    [](const Row& row) { return row.text("id"); }
                ),
                std::nullopt
            );
        }),
        std::nullopt
    );
}

TEST_P(Statements, RefusePlaceholdersAndBindsThatDoNotMatch) {
    EXPECT_EQ(run([](soci::session& session) { count(session, "SELECT :n", {}); }), ErrorCode::kInternal);
    EXPECT_EQ(
        run([](soci::session& session) { count(session, "SELECT 1", {{"n", 1}}); }), ErrorCode::kInternal
    );
}

TEST_P(Statements, RefuseTextsThatOneDatabaseWouldSpoil) {
    run_sql("CREATE TABLE t (a TEXT)");
    const auto write = [&](std::string text) {
        return run([&](soci::session& session) {
            execute(session, "INSERT INTO t VALUES (:a)", {{"a", text}});
        });
    };
    EXPECT_EQ(write(std::string("a\0b", 3)), ErrorCode::kInvalid);
    EXPECT_EQ(write("\xff\xfe"), ErrorCode::kInvalid);
    EXPECT_EQ(write("fine"), std::nullopt);
}

TEST_P(Statements, FindTextByPatternWhateverItsCharacters) {
    EXPECT_EQ(
        run([](soci::session& session) {
            run_script(session, "CREATE TABLE t (a TEXT)");
            execute(session, "INSERT INTO t VALUES ('100%_sure\\'), ('1000 sure')");
            EXPECT_EQ(
                count(
                    session,
                    "SELECT COUNT(*) FROM t WHERE a LIKE :p ESCAPE '\\'",
                    {{"p", like_containing("%_sure\\")}}
                ),
                1
            );
            EXPECT_EQ(
                count(
                    session,
                    "SELECT COUNT(*) FROM t WHERE a LIKE :p ESCAPE '\\'",
                    {{"p", like_starting_with("100")}}
                ),
                2
            );
            EXPECT_EQ(count(session, "SELECT " + std::string(greatest(dialect_of(session))) + "(1, 7)"), 7);
        }),
        std::nullopt
    );
}

TEST_P(Statements, NameAColumnThatIsNotThere) {
    const Result<void> done = database().read([](soci::session& session) -> Result<void> {
        each(session, "SELECT 1 AS one", {}, [](const Row& row) { (void)row.text("two"); });
        return {};
    });
    EXPECT_THAT(done.error().message, testing::HasSubstr("two"));
}

INSTANTIATE_TEST_SUITE_P(Both, Statements, both_dialects(), dialect_name);

}  // namespace
}  // namespace capstan::sql
