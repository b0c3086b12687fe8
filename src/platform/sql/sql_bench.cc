// Rows a second through the door and through the drivers themselves, in the same run; and commits a second of
// one and of sixteen threads.
//
// PostgreSQL's are skipped unless CAPSTAN_BENCH_POSTGRESQL names a database (postgresql://…) where a table
// capstan_bench may be made and dropped.

#include <cstdlib>
#include <filesystem>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include "base/check.h"
#include "base/id.h"
#include "platform/sql/bulk.h"
#include "platform/sql/database.h"
#include "platform/sql/handle.h"
#include "platform/sql/statement.h"

namespace capstan::sql {
namespace {

constexpr const char* kTable = "CREATE TABLE capstan_bench (id BIGINT, ratio DOUBLE PRECISION, name TEXT)";
constexpr const char* kInsert = "INSERT INTO capstan_bench (id, ratio, name) VALUES (:id, :ratio, :name)";

std::string name_of_row(std::int64_t i) {
    return fmt::format("a name of row {:08}", i);
}

// A database with an empty table; no database when PostgreSQL was not given.
class Bench {
public:
    explicit Bench(Dialect dialect)
        : folder_(std::filesystem::temp_directory_path() / ("capstan-sql-bench-" + new_id())) {
        const char* postgresql = std::getenv("CAPSTAN_BENCH_POSTGRESQL");
        if (dialect == Dialect::kPostgresql && postgresql == nullptr) {
            return;
        }
        auto opened = Database::open({
            .url = dialect == Dialect::kSqlite ? "sqlite://" + (folder_ / "bench.db").string() : postgresql,
            .wait_ms_max = 600'000,
            .statement_ms_max = 600'000,
        });
        CHECK(opened, opened ? "" : opened.error().message);
        database_ = std::make_unique<Database>(std::move(*opened));
        run("DROP TABLE IF EXISTS capstan_bench");
        run(kTable);
    }

    ~Bench() {
        if (database_) {
            run("DROP TABLE capstan_bench");
        }
        database_.reset();
        std::filesystem::remove_all(folder_);
    }

    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    bool is_there() const { return database_ != nullptr; }

    Database& database() { return *database_; }

    void run(const std::string& script) {
        transact([&](soci::session& session) { run_script(session, script); });
    }

    template <typename Work>
    void transact(Work work) {
        const Result<void> done = database_->transact([&](soci::session& session) -> Result<void> {
            work(session);
            return {};
        });
        CHECK(done, done ? "" : done.error().message);
    }

private:
    std::filesystem::path folder_;
    std::unique_ptr<Database> database_;
};

// Runs `insert(session, rows)` in one transaction on an empty table, again and again.
template <typename Insert>
void insert_rows(benchmark::State& state, Dialect dialect, Insert insert) {
    Bench bench(dialect);
    if (!bench.is_there()) {
        state.SkipWithError("set CAPSTAN_BENCH_POSTGRESQL");
        return;
    }
    const std::int64_t rows = state.range(0);
    for (auto _ : state) {
        state.PauseTiming();
        bench.run("DELETE FROM capstan_bench");
        state.ResumeTiming();
        bench.transact([&](soci::session& session) { insert(session, rows); });
    }
    state.SetItemsProcessed(state.iterations() * rows);
}

void insert_one_by_one(soci::session& session, std::int64_t rows) {
    for (std::int64_t i = 0; i < rows; ++i) {
        execute(session, kInsert, {{"id", i}, {"ratio", 0.5}, {"name", name_of_row(i)}});
    }
}

void insert_bulk(soci::session& session, std::int64_t rows) {
    BulkInsert bulk(session, "capstan_bench", {"id", "ratio", "name"});
    for (std::int64_t i = 0; i < rows; ++i) {
        bulk.integer(i).real(0.5).text(name_of_row(i)).end_row();
    }
    CHECK(bulk.finish() == rows, "all rows go in");
}

void insert_by_sqlite_itself(soci::session& session, std::int64_t rows) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(sqlite_handle(session), kInsert, -1, &statement, nullptr);
    for (std::int64_t i = 0; i < rows; ++i) {
        const std::string name = name_of_row(i);
        sqlite3_bind_int64(statement, 1, i);
        sqlite3_bind_double(statement, 2, 0.5);
        sqlite3_bind_text(statement, 3, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
        CHECK(sqlite3_step(statement) == SQLITE_DONE, "the row goes in");
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
}

void insert_by_libpq_itself(soci::session& session, std::int64_t rows) {
    PGconn* handle = postgresql_handle(session);
    PQclear(PQexec(handle, "COPY capstan_bench (id, ratio, name) FROM STDIN"));
    std::string lines;
    for (std::int64_t i = 0; i < rows; ++i) {
        fmt::format_to(std::back_inserter(lines), "{}\t{}\t{}\n", i, 0.5, name_of_row(i));
        if (lines.size() > 262'144 || i + 1 == rows) {
            CHECK(PQputCopyData(handle, lines.data(), static_cast<int>(lines.size())) == 1, "the rows go in");
            lines.clear();
        }
    }
    PQputCopyEnd(handle, nullptr);
    while (PGresult* answer = PQgetResult(handle)) {
        PQclear(answer);
    }
}

#define CAPSTAN_INSERTS(name, dialect, insert) \
    void name(benchmark::State& state) {       \
        insert_rows(state, dialect, insert);   \
    }                                          \
    BENCHMARK(name)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime()

CAPSTAN_INSERTS(BM_SqliteRaw, Dialect::kSqlite, insert_by_sqlite_itself);
CAPSTAN_INSERTS(BM_SqliteBulk, Dialect::kSqlite, insert_bulk);
CAPSTAN_INSERTS(BM_SqliteOneByOne, Dialect::kSqlite, insert_one_by_one);
CAPSTAN_INSERTS(BM_PostgresqlRawCopy, Dialect::kPostgresql, insert_by_libpq_itself);
CAPSTAN_INSERTS(BM_PostgresqlBulk, Dialect::kPostgresql, insert_bulk);
CAPSTAN_INSERTS(BM_PostgresqlOneByOne, Dialect::kPostgresql, insert_one_by_one);

// Transactions of one row, each durable; threads share commits.
void BM_SqliteCommits(benchmark::State& state) {
    static std::unique_ptr<Bench> bench;
    if (state.thread_index() == 0) {
        bench = std::make_unique<Bench>(Dialect::kSqlite);
    }
    for (auto _ : state) {
        bench->transact([](soci::session& session) {
            execute(session, kInsert, {{"id", 1}, {"ratio", 0.5}, {"name", "n"}});
        });
    }
    state.SetItemsProcessed(state.iterations());
    if (state.thread_index() == 0) {
        const DatabaseStats stats = bench->database().stats();
        state.counters["rows_a_commit"] = static_cast<double>(stats.transactions) /
                                          static_cast<double>(std::max<std::int64_t>(stats.commits, 1));
        bench.reset();
    }
}

BENCHMARK(BM_SqliteCommits)->Threads(1)->Threads(16)->UseRealTime();

}  // namespace
}  // namespace capstan::sql
