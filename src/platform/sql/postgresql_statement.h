#pragma once

// Statements on libpq's own handle: the PostgreSQL half of statement.h.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/sql/row.h"
#include "platform/sql/value.h"

struct pg_conn;
struct pg_result;

namespace capstan::sql {

struct ClearAnswer {
    void operator()(pg_result* answer) const;
};

using Answer = std::unique_ptr<pg_result, ClearAnswer>;

// Calls `visit` (may be empty) with each row and returns the number of rows changed. Throws Failure.
std::int64_t run_postgresql(
    pg_conn* handle,
    std::string_view statement,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
);

// One or more statements without placeholders; the answer of the last. Throws Failure.
Answer run_postgresql_script(pg_conn* handle, const std::string& script);

}  // namespace capstan::sql
