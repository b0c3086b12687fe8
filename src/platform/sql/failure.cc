#include "platform/sql/failure.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <soci/soci-backend.h>
#include <sqlite3.h>

#include "platform/sql/handle.h"

namespace capstan::sql {
namespace {

ErrorCode code_of_constraint(int code) {
    switch (code) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID:
        case SQLITE_CONSTRAINT_FOREIGNKEY:
            return ErrorCode::kConflict;
        default:
            return ErrorCode::kInvalid;
    }
}

ErrorCode code_of_sqlite(int code) {
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
            return code_of_constraint(code);
        case SQLITE_FULL:
            return ErrorCode::kExhausted;
        case SQLITE_TOOBIG:
            return ErrorCode::kTooLarge;
        case SQLITE_ERROR:
        case SQLITE_MISUSE:
        case SQLITE_RANGE:
        case SQLITE_MISMATCH:
        case SQLITE_READONLY:
            return ErrorCode::kInternal;
        default:
            return ErrorCode::kUnavailable;  // BUSY, LOCKED, IOERR, CORRUPT, CANTOPEN, INTERRUPT, ...
    }
}

ErrorCode code_of_postgresql(std::string_view state) {
    const std::string_view kind = state.substr(0, 2);
    if (state == "23505" || state == "23503" || state == "23P01") {
        return ErrorCode::kConflict;
    }
    if (kind == "22" || kind == "23") {
        return ErrorCode::kInvalid;
    }
    if (kind == "53") {
        return ErrorCode::kExhausted;
    }
    if (kind == "54") {
        return ErrorCode::kTooLarge;
    }
    if (kind == "42" || kind == "25" || kind == "0A") {
        return ErrorCode::kInternal;
    }
    return ErrorCode::kUnavailable;
}

Outcome outcome_of(const FailureDetail& detail) {
    return {
        .result = Error{detail.code, "database: " + detail.message},
        .is_thrown = true,
        .is_retryable = detail.is_retryable,
        .is_connection_lost = detail.is_connection_lost,
    };
}

}  // namespace

FailureDetail sqlite_failure(int code, std::string_view message) {
    std::string text(message);
    if ((code & 0xff) == SQLITE_INTERRUPT) {
        text = "the statement took longer than statement_ms_max and was stopped";
    } else if ((code & 0xff) == SQLITE_BUSY) {
        text += ": another process holds the database; try again";
    }
    return {.code = code_of_sqlite(code), .message = std::move(text)};
}

FailureDetail postgresql_failure(std::string_view sqlstate, std::string_view message) {
    const std::string_view kind = sqlstate.substr(0, 2);
    while (message.ends_with('\n')) {
        message.remove_suffix(1);
    }
    return {
        .code = code_of_postgresql(sqlstate),
        .message = std::string(message),
        .is_retryable = sqlstate == "40001" || sqlstate == "40P01",
        .is_connection_lost = sqlstate.empty() || kind == "08" || sqlstate == "57P01" ||
                              sqlstate == "57P02" || sqlstate == "57P03",
    };
}

void check_sqlite(sqlite3* handle, int code) {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) {
        return;
    }
    throw Failure(sqlite_failure(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle)));
}

void throw_postgresql(pg_conn* handle, const pg_result* answer) {
    const char* state = answer == nullptr ? nullptr : PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const char* primary = answer == nullptr ? nullptr : PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
    FailureDetail detail = postgresql_failure(
        state == nullptr ? "" : state, primary == nullptr ? PQerrorMessage(handle) : primary
    );
    // An error of libpq's own has no SQLSTATE. When a write failed, libpq learns only by the next read that
    // the server has gone.
    detail.is_connection_lost = PQstatus(handle) != CONNECTION_OK ||
                                (state == nullptr && PQconsumeInput(handle) == 0) ||
                                (state != nullptr && detail.is_connection_lost);
    throw Failure(std::move(detail));
}

Outcome run_guarded(const std::function<Result<void>()>& work) {
    try {
        return {.result = work()};
    } catch (const Failure& failure) {
        return outcome_of(failure.detail());
    } catch (const soci::soci_error& failure) {
        return outcome_of(failure_of_soci(failure));
    } catch (const std::exception& failure) {
        return outcome_of({.code = ErrorCode::kInternal, .message = failure.what()});
    }
}

}  // namespace capstan::sql
