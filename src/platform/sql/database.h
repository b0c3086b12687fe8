#pragma once

// One SQL database, SQLite or PostgreSQL, and the door through which all SQL goes.
//
//     return database.transact([&](soci::session& session) { return insert_run(session, run); });
//
// Blocking: call it from a worker thread, never from an I/O thread. Thread-safe. Every wait is bounded.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "platform/sql/dialect.h"

namespace capstan::sql {

struct DatabaseOptions {
    std::string url;  // "sqlite:///path/to/file.db" or "postgresql://user@host:port/name?option=value".
    std::size_t readers = 4;                 // SQLite: connections for reads, beside the one that writes.
    std::size_t connections = 8;             // PostgreSQL: connections, for reads and writes together.
    std::int64_t wait_ms_max = 10'000;       // For a turn, a connection, a lock, or a server that restarts.
    std::int64_t statement_ms_max = 30'000;  // PostgreSQL: one statement. SQLite: all SQL of one transaction.
    std::size_t writes_waiting_max = 1'024;  // Over it: kExhausted at once.
};

struct DatabaseStats {
    std::int64_t transactions = 0;  // Calls of transact that succeeded.
    std::int64_t commits = 0;  // Waits for the disk that they shared (SQLite); the same number on PostgreSQL.
    std::int64_t retries = 0;  // Repeated works, after a serialization failure or a lost connection.
};

class Database {
public:
    using Work = std::function<Result<void>(soci::session&)>;

    // Creates the SQLite file (mode 0600) when missing; checks that PostgreSQL answers. kInvalid for another
    // url.
    static Result<Database> open(const DatabaseOptions& options);

    ~Database();
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;

    Dialect dialect() const;
    DatabaseStats stats() const;

    // Runs `work(session)`, which returns some Result<T>, in one transaction: commits when it is a value,
    // rolls back when it is an Error, and returns it. When a value comes back, the commit has survived the
    // disk's cache. Transactions are serializable on both databases. `work` may be run again from its start
    // (serialization failures, lost connections), so it must have no effects but SQL, and may not call back
    // into this Database.
    //
    // kConflict: a unique or foreign key was violated. kInvalid: a value that a column refuses.
    // kExhausted: too many writers wait, or the disk is full. kUnavailable: a wait was too long, or the
    // database is away; the message says so when the outcome of a commit is unknown.
    template <typename F>
    auto transact(F&& work) -> std::invoke_result_t<F&, soci::session&> {
        return call(Access::kWrite, std::forward<F>(work));
    }

    // The same on one snapshot of the database, which `work` cannot change. Never waits for writers.
    template <typename F>
    auto read(F&& work) -> std::invoke_result_t<F&, soci::session&> {
        return call(Access::kRead, std::forward<F>(work));
    }

    // As transact, for changes of the schema: without limits on the time of a statement, and on PostgreSQL at
    // READ COMMITTED, so that what `work` sees after it took a lock is what the lock protects.
    template <typename F>
    auto upgrade(F&& work) -> std::invoke_result_t<F&, soci::session&> {
        return call(Access::kUpgrade, std::forward<F>(work));
    }

    // The two kinds of database, behind this door.
    class Backend;

private:
    enum class Access { kRead, kWrite, kUpgrade };

    explicit Database(std::unique_ptr<Backend> backend);

    Result<void> run(Access access, const Work& work);

    template <typename F>
    auto call(Access access, F&& work) -> std::invoke_result_t<F&, soci::session&> {
        std::optional<std::invoke_result_t<F&, soci::session&>> outcome;
        Result<void> done = run(access, [&](soci::session& session) -> Result<void> {
            outcome.emplace(work(session));
            if (!*outcome) {
                return outcome->error();
            }
            return {};
        });
        if (!done) {
            return std::move(done).error();
        }
        return std::move(*outcome);
    }

    std::unique_ptr<Backend> backend_;
};

}  // namespace capstan::sql
