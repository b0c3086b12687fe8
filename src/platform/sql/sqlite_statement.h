#pragma once

// Statements on SQLite's own handle: the SQLite half of statement.h.

#include <functional>
#include <string>
#include <string_view>

#include "platform/sql/row.h"
#include "platform/sql/value.h"

struct sqlite3;

namespace capstan::sql {

// Calls `visit` (may be empty) with each row and returns the number of rows changed. Throws Failure.
std::int64_t run_sqlite(
    sqlite3* handle,
    std::string_view statement,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
);
void run_sqlite_script(sqlite3* handle, const std::string& script);

}  // namespace capstan::sql
