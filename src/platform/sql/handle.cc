#include "platform/sql/handle.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

// Debian's SOCI does not export what the vptr check of UndefinedBehaviorSanitizer asks for.
#define CAPSTAN_TRUST_SOCI __attribute__((no_sanitize("vptr")))

namespace capstan::sql {

CAPSTAN_TRUST_SOCI sqlite3* sqlite_handle(soci::session& session) {
    // SOCI declares SQLite's types again inside its own namespace; it is the same struct.
    return reinterpret_cast<sqlite3*>(
        static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_
    );
}

CAPSTAN_TRUST_SOCI pg_conn* postgresql_handle(soci::session& session) {
    return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

void open_sqlite(soci::session& session, const std::string& path, int busy_ms_max) {
    session.open(soci::sqlite3, fmt::format("db=\"{}\" timeout={}", path, (busy_ms_max + 999) / 1000));
}

void open_postgresql(soci::session& session, const std::string& conninfo) {
    session.open(soci::postgresql, conninfo);
}

CAPSTAN_TRUST_SOCI bool is_in_transaction(soci::session& session) {
    if (session.get_backend_name() == "sqlite3") {
        const auto* backend = static_cast<soci::sqlite3_session_backend*>(session.get_backend());
        return sqlite_api::sqlite3_get_autocommit(backend->conn_) == 0;
    }
    return PQtransactionStatus(postgresql_handle(session)) == PQTRANS_INTRANS;
}

FailureDetail failure_of_soci(const soci::soci_error& failure) {
    if (const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&failure)) {
        return sqlite_failure(sqlite->result(), sqlite->what());
    }
    if (const auto* postgresql = dynamic_cast<const soci::postgresql_soci_error*>(&failure)) {
        return postgresql_failure(postgresql->sqlstate(), postgresql->what());
    }
    return {.code = ErrorCode::kUnavailable, .message = failure.what()};
}

}  // namespace capstan::sql
