// SQLite behind Database: one connection that writes, with group commit, and a pool of connections that read.
//
// Group commit: a thread whose turn it is runs its work in a savepoint of the open transaction. When others
// wait it passes the turn on and waits; the last in line, or the one that fills the batch, commits for all.
// So n threads share one fsync, each work still fails alone, and everyone returns only after the commit.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/file.h"
#include "platform/sql/backend.h"
#include "platform/sql/failure.h"
#include "platform/sql/pool.h"
#include "platform/sql/sqlite_connection.h"
#include "platform/sql/turn_queue.h"

namespace capstan::sql {
namespace {

constexpr std::int64_t kUpgradeMsMax = std::int64_t{3'600} * 1000;
constexpr int kBatchWorksMax = 128;
constexpr std::int64_t kBatchMsMax = 5;  // After it the next to finish commits, though others wait.

// Works that share one commit.
class Batch {
public:
    // By the holder of the turn.
    int works = 0;
    std::int64_t begun_ms = monotonic_now_ms();
    std::optional<Error> broken;  // The transaction is gone, with all works in it.

    bool is_full() const {
        return broken || works >= kBatchWorksMax || monotonic_now_ms() - begun_ms >= kBatchMsMax;
    }

    void settle(const Result<void>& result) {
        const std::scoped_lock lock(mutex_);
        result_ = result;
        settled_.notify_all();
    }

    Result<void> wait() {
        std::unique_lock lock(mutex_);
        settled_.wait(lock, [&] { return result_.has_value(); });
        return *result_;
    }

private:
    std::mutex mutex_;
    std::condition_variable settled_;
    std::optional<Result<void>> result_;  // By mutex_.
};

using Readers = Pool<SqliteConnection>;

class SqliteBackend : public Database::Backend {
public:
    SqliteBackend(
        std::unique_ptr<SqliteConnection> writer,
        std::vector<std::unique_ptr<SqliteConnection>> readers,
        const DatabaseOptions& options
    )
        : options_(options),
          writer_(std::move(writer)),
          readers_(std::move(readers)),
          turns_(options.wait_ms_max, options.writes_waiting_max) {}

    Result<void> write(const Database::Work& work) override {
        return write_within(work, options_.statement_ms_max);
    }

    Result<void> upgrade(const Database::Work& work) override { return write_within(work, kUpgradeMsMax); }

    Result<void> read(const Database::Work& work) override;

    Dialect dialect() const override { return Dialect::kSqlite; }

    DatabaseStats stats() const override { return {.transactions = transactions_, .commits = commits_}; }

private:
    Result<void> write_within(const Database::Work& work, std::int64_t ms_max);
    Result<void> begin();
    Result<void> run_in_batch(const Database::Work& work, std::int64_t ms_max);
    Result<void> keep_or_undo(Result<void> result);
    Result<void> commit(const Batch& batch);

    const DatabaseOptions options_;
    std::unique_ptr<SqliteConnection> writer_;  // By the holder of the turn.
    std::shared_ptr<Batch> batch_;              // By the holder; shared with those that wait for its commit.
    Readers readers_;
    TurnQueue turns_;
    std::atomic<std::int64_t> transactions_ = 0;
    std::atomic<std::int64_t> commits_ = 0;
};

Result<void> SqliteBackend::write_within(const Database::Work& work, std::int64_t ms_max) {
    if (Result<void> turn = turns_.take(); !turn) {
        return turn;
    }
    Result<void> result = run_in_batch(work, ms_max);
    const std::shared_ptr<Batch> batch = batch_;
    if (!batch) {
        turns_.release();  // The transaction could not begin.
        return result;
    }
    if (batch->is_full() || !turns_.pass_on()) {
        batch_ = nullptr;
        const Result<void> committed = commit(*batch);
        turns_.release();
        batch->settle(committed);
    }
    if (!result) {
        return result;
    }
    return batch->wait();
}

Result<void> SqliteBackend::begin() {
    Result<void> begun = run_guarded([&]() -> Result<void> {
                             writer_->run("BEGIN IMMEDIATE");
                             return {};
                         }).result;
    if (begun) {
        batch_ = std::make_shared<Batch>();
    }
    return begun;
}

Result<void> SqliteBackend::run_in_batch(const Database::Work& work, std::int64_t ms_max) {
    writer_->limit_to_ms(ms_max);
    if (!batch_) {
        if (Result<void> begun = begin(); !begun) {
            return begun;
        }
    }
    Result<void> result = run_guarded([&]() -> Result<void> {
                              writer_->run("SAVEPOINT work");
                              return work(writer_->session());
                          }).result;
    result = keep_or_undo(std::move(result));
    if (!writer_->is_in_transaction() && !batch_->broken) {
        // A full disk or an I/O error made SQLite roll back everything.
        batch_->broken =
            result ? Error{ErrorCode::kInternal, "work ended the transaction that it runs in"}
                   : Error{
                         ErrorCode::kUnavailable, "the shared transaction was lost: " + result.error().message
                     };
        return result ? Result<void>(*batch_->broken) : result;
    }
    batch_->works += result ? 1 : 0;
    return result;
}

// Ends the savepoint of one work: keeps what it did, or takes it back.
Result<void> SqliteBackend::keep_or_undo(Result<void> result) {
    writer_->limit_to_ms(options_.statement_ms_max);
    if (!writer_->is_in_transaction()) {
        return result;
    }
    if (result && writer_->has_open_foreign_keys()) {
        result = Error{ErrorCode::kConflict, "database: a deferred foreign key points to no row"};
    }
    const Outcome ended = run_guarded([&]() -> Result<void> {
        writer_->run(result ? "RELEASE work" : "ROLLBACK TO work; RELEASE work");
        return {};
    });
    if (!ended.result) {
        batch_->broken = ended.result.error();
        return ended.result;
    }
    return result;
}

Result<void> SqliteBackend::commit(const Batch& batch) {
    const auto end = [&](const char* command) {
        return run_guarded(
                   [&]() -> Result<void> {
                       writer_->run(command);
                       return {};
                   }
        ).result;
    };
    if (batch.broken || batch.works == 0) {
        if (writer_->is_in_transaction()) {
            (void)end("ROLLBACK");
        }
        return batch.broken ? Result<void>(*batch.broken) : Result<void>();
    }
    Result<void> committed = end("COMMIT");
    if (!committed) {
        if (writer_->is_in_transaction()) {
            (void)end("ROLLBACK");
        }
        return with_context("commit", committed.error());
    }
    transactions_ += batch.works;
    ++commits_;
    return {};
}

Result<void> SqliteBackend::read(const Database::Work& work) {
    const Readers::Lease connection = readers_.borrow(options_.wait_ms_max);
    if (!connection) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format(
                "all {} readers of the database were busy for {} ms", options_.readers, options_.wait_ms_max
            )
        };
    }
    connection->limit_to_ms(options_.statement_ms_max);
    Result<void> result = run_guarded([&]() -> Result<void> {
                              connection->run("BEGIN");
                              return work(connection->session());
                          }).result;
    connection->limit_to_ms(options_.statement_ms_max);
    if (connection->is_in_transaction()) {
        const Outcome ended = run_guarded([&]() -> Result<void> {
            connection->run("ROLLBACK");
            return {};
        });
        if (result && !ended.result) {
            return ended.result;
        }
    }
    return result;
}

Result<void> prepare_file(const std::filesystem::path& path) {
    if (path.empty() || path.string().find('"') != std::string::npos) {
        return Error{ErrorCode::kInvalid, "the path of a SQLite database may not be empty or hold a '\"'"};
    }
    if (path.has_parent_path()) {
        if (Result<void> made = create_folders(path.parent_path()); !made) {
            return made;
        }
    }
    // Made here, so that the file, and with it SQLite's own files beside it, is for this user only.
    if (Result<FileDescriptor> file = open_file(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); !file) {
        return file.error();
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Database::Backend>> open_sqlite_backend(
    const std::string& path, const DatabaseOptions& options
) {
    if (Result<void> prepared = prepare_file(path); !prepared) {
        return prepared.error();
    }
    std::unique_ptr<Database::Backend> backend;
    const Outcome opened = run_guarded([&]() -> Result<void> {
        auto writer = std::make_unique<SqliteConnection>(path, SqliteAccess::kWrite, options.wait_ms_max);
        std::vector<std::unique_ptr<SqliteConnection>> readers;
        for (std::size_t i = 0; i < options.readers; ++i) {
            readers.push_back(
                std::make_unique<SqliteConnection>(path, SqliteAccess::kRead, options.wait_ms_max)
            );
        }
        backend = std::make_unique<SqliteBackend>(std::move(writer), std::move(readers), options);
        return {};
    });
    if (!opened.result) {
        return with_context("cannot open " + path, opened.result.error());
    }
    return backend;
}

}  // namespace capstan::sql
