// PostgreSQL behind Database: a pool of connections; transactions are tried again when they lost against
// another or when the server went away before the commit.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <soci/session.h>

#include "base/clock.h"
#include "base/log.h"
#include "platform/sql/backend.h"
#include "platform/sql/failure.h"
#include "platform/sql/handle.h"
#include "platform/sql/pool.h"
#include "platform/sql/postgresql_statement.h"

namespace capstan::sql {
namespace {

constexpr int kAttemptsMax = 20;  // After lost races. Lost connections are bounded by wait_ms_max alone.

// A connection that may be closed; open() makes it usable again.
class Connection {
public:
    explicit Connection(const DatabaseOptions& options) : options_(&options) {}

    void open();  // Throws. Nothing to do when it is open.

    void close() { session_.reset(); }

    bool is_open() const { return session_ != nullptr; }

    soci::session& session() { return *session_; }

    Answer run(const std::string& script) {
        return run_postgresql_script(postgresql_handle(*session_), script);
    }

    bool is_idle() { return PQtransactionStatus(postgresql_handle(*session_)) == PQTRANS_IDLE; }

private:
    const DatabaseOptions* options_;  // The backend's, which outlives its connections.
    std::unique_ptr<soci::session> session_;
};

// Without this libpq prints notices to stderr.
void log_notice(void* /*unused*/, const char* message) {
    log_debug("postgresql", {{"notice", message}});
}

// The url with our connect timeout, which the user's own may override.
std::string conninfo_of(const DatabaseOptions& options) {
    std::string url = options.url;
    if (url.find("connect_timeout") == std::string::npos) {
        url += url.find('?') == std::string::npos ? '?' : '&';
        url += fmt::format("connect_timeout={}", std::max<std::int64_t>(2, options.wait_ms_max / 1000));
    }
    return url;
}

void Connection::open() {
    if (session_) {
        return;
    }
    auto session = std::make_unique<soci::session>();
    open_postgresql(*session, conninfo_of(*options_));
    PQsetNoticeProcessor(postgresql_handle(*session), &log_notice, nullptr);
    session_ = std::move(session);
    run(fmt::format(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};"
        "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET bytea_output = 'hex';"
        "SET application_name = 'capstan'",
        options_->statement_ms_max,
        options_->wait_ms_max,
        2 * options_->statement_ms_max
    ));
}

using Connections = Pool<Connection>;

class PostgresqlBackend : public Database::Backend {
public:
    explicit PostgresqlBackend(const DatabaseOptions& options)
        : options_(options), connections_(make_connections(options_)) {}

    Result<void> write(const Database::Work& work) override;
    Result<void> upgrade(const Database::Work& work) override;
    Result<void> read(const Database::Work& work) override;

    Dialect dialect() const override { return Dialect::kPostgresql; }

    DatabaseStats stats() const override {
        return {.transactions = transactions_, .commits = transactions_, .retries = retries_};
    }

private:
    static std::vector<std::unique_ptr<Connection>> make_connections(const DatabaseOptions& options) {
        std::vector<std::unique_ptr<Connection>> connections;
        for (std::size_t i = 0; i < options.connections; ++i) {
            connections.push_back(std::make_unique<Connection>(options));
        }
        return connections;
    }

    Result<void> run(const char* begin, const Database::Work& work);

    const DatabaseOptions options_;  // Before connections_, which point to it.
    Connections connections_;
    std::atomic<std::int64_t> transactions_ = 0;
    std::atomic<std::int64_t> retries_ = 0;
};

// Commits, and finds out when it did not happen or when nobody can tell.
Outcome commit(Connection& connection) {
    Outcome outcome = run_guarded([&]() -> Result<void> {
        const Answer answer = connection.run("COMMIT");
        if (std::strcmp(PQcmdStatus(answer.get()), "COMMIT") != 0) {
            return Error{ErrorCode::kInternal, "database: the transaction had failed and was rolled back"};
        }
        return {};
    });
    if (outcome.is_connection_lost) {
        outcome.result = Error{
            ErrorCode::kUnavailable,
            "database: the connection was lost during the commit; whether it happened is unknown: read "
            "before trying again"
        };
        outcome.is_retryable = false;
    }
    return outcome;
}

// One attempt. `is_retryable` in the outcome means that nothing was committed.
Outcome attempt(Connection& connection, const char* begin, const Database::Work& work) {
    Outcome outcome = run_guarded([&]() -> Result<void> {
        connection.open();
        connection.run(begin);
        return work(connection.session());
    });
    const bool is_lost = outcome.is_thrown && (outcome.is_connection_lost || !connection.is_open());
    if (is_lost) {
        connection.close();
        outcome.is_connection_lost = true;
        outcome.is_retryable = true;
        return outcome;
    }
    if (outcome.result) {
        outcome = commit(connection);
    } else if (!run_guarded([&]() -> Result<void> {
                    connection.run("ROLLBACK");
                    return {};
                }).result) {
        connection.close();
    }
    if (connection.is_open() && (outcome.is_connection_lost || !connection.is_idle())) {
        connection.close();
    }
    return outcome;
}

// Longer after each attempt, and by chance, so that two that collided do not collide again.
void pause_after(int attempts) {
    thread_local std::minstd_rand random{std::random_device{}()};
    const int ms_max = std::min(500, 4 << std::min(attempts, 7));
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(1, ms_max)(random)));
}

Result<void> PostgresqlBackend::run(const char* begin, const Database::Work& work) {
    const std::int64_t until_ms = monotonic_now_ms() + options_.wait_ms_max;
    for (int attempts = 1;; ++attempts) {
        const Connections::Lease connection = connections_.borrow(until_ms - monotonic_now_ms());
        if (!connection) {
            return Error{
                ErrorCode::kUnavailable,
                fmt::format(
                    "all {} connections to the database were busy for {} ms",
                    options_.connections,
                    options_.wait_ms_max
                )
            };
        }
        Outcome outcome = attempt(*connection.operator->(), begin, work);
        if (outcome.result || !outcome.is_retryable ||
            (attempts >= kAttemptsMax && !outcome.is_connection_lost) || monotonic_now_ms() >= until_ms) {
            return outcome.result;
        }
        ++retries_;
        pause_after(attempts);
    }
}

Result<void> PostgresqlBackend::write(const Database::Work& work) {
    Result<void> result = run("BEGIN ISOLATION LEVEL SERIALIZABLE", work);
    transactions_ += result ? 1 : 0;
    return result;
}

Result<void> PostgresqlBackend::upgrade(const Database::Work& work) {
    return run("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '1h'", work);
}

Result<void> PostgresqlBackend::read(const Database::Work& work) {
    return run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work);
}

}  // namespace

Result<std::unique_ptr<Database::Backend>> open_postgresql_backend(const DatabaseOptions& options) {
    std::unique_ptr<Database::Backend> backend = std::make_unique<PostgresqlBackend>(options);
    if (Result<void> answers = backend->read([](soci::session&) -> Result<void> { return {}; }); !answers) {
        return with_context("cannot open the PostgreSQL database", answers.error());
    }
    return backend;
}

}  // namespace capstan::sql
