#pragma once

// What platform/sql throws, and the one place where it, and what SOCI throws, becomes an Error.
//
// Only Database catches. A store lets it pass, as it lets SOCI's own exceptions pass.

#include <functional>
#include <stdexcept>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct pg_conn;
struct pg_result;

namespace soci {
class session;
}

namespace capstan::sql {

struct FailureDetail {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;
    bool is_retryable =
        false;  // A serialization failure or deadlock: the whole transaction may be tried again.
    bool is_connection_lost = false;  // The session is of no more use.
};

class Failure : public std::runtime_error {
public:
    explicit Failure(FailureDetail detail) : std::runtime_error(detail.message), detail_(std::move(detail)) {}

    const FailureDetail& detail() const { return detail_; }

private:
    FailureDetail detail_;
};

// The meaning of a SQLite result code (extended) and of a PostgreSQL SQLSTATE.
FailureDetail sqlite_failure(int code, std::string_view message);
FailureDetail postgresql_failure(std::string_view sqlstate, std::string_view message);

// Throws when `code` (what a function of SQLite returned) is no success.
void check_sqlite(sqlite3* handle, int code);
[[noreturn]] void throw_postgresql(pg_conn* handle, const pg_result* answer);

// How `work` ended: without a value, its own error with `is_thrown` false, or what was thrown, translated.
struct Outcome {
    Result<void> result;
    bool is_thrown = false;
    bool is_retryable = false;
    bool is_connection_lost = false;
};

Outcome run_guarded(const std::function<Result<void>()>& work);

}  // namespace capstan::sql
