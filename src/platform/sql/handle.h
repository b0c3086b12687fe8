#pragma once

// The driver's own handle under a SOCI session, for what SOCI cannot do: exact types, COPY, deadlines.

#include <soci/error.h>

#include "platform/sql/failure.h"

struct sqlite3;
struct pg_conn;

namespace capstan::sql {

// The session must be open, and of this dialect.
sqlite3* sqlite_handle(soci::session& session);
pg_conn* postgresql_handle(soci::session& session);

// Opens `session`. Throws what SOCI throws.
void open_sqlite(soci::session& session, const std::string& path, int busy_ms_max);
void open_postgresql(soci::session& session, const std::string& conninfo);

bool is_in_transaction(soci::session& session);

FailureDetail failure_of_soci(const soci::soci_error& failure);

}  // namespace capstan::sql
