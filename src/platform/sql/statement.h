#pragma once

// Statements on a session, inside Database::transact or read. The same on both databases: placeholders are
// `:name`, each bound once however often it occurs.
//
//     sql::execute(session, "UPDATE runs SET name = :name WHERE id = :id", {{"id", id}, {"name", name}});
//     const auto runs = sql::select(session, "SELECT * FROM runs LIMIT :n", {{"n", 100}}, run_from);
//     const auto run = sql::find(session, "SELECT * FROM runs WHERE id = :id", {{"id", id}}, run_from);
//
// They throw as SOCI does; the surrounding transact() or read() returns the error. Texts must be UTF-8
// without NUL bytes (kInvalid), on both databases alike.

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "platform/sql/dialect.h"
#include "platform/sql/row.h"
#include "platform/sql/value.h"

namespace soci {
class session;
}

namespace capstan::sql {

// Runs one statement and returns how many rows it inserted, updated or deleted. `ON CONFLICT DO NOTHING` and
// a count of 0 tell of a repeated key without losing the transaction.
std::int64_t execute(soci::session& session, std::string_view statement, const Binds& binds = {});

// Calls `visit` with each row. PostgreSQL's answer is whole in memory meanwhile: page large ones by key.
void each(
    soci::session& session,
    std::string_view query,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
);

// What `read` makes of each row, in order.
template <typename Read>
auto select(soci::session& session, std::string_view query, const Binds& binds, Read&& read) {
    std::vector<std::decay_t<std::invoke_result_t<Read&, const Row&>>> found;
    each(session, query, binds, [&](const Row& row) { found.push_back(read(row)); });
    return found;
}

// What `read` makes of the first row, or nothing when there is none.
template <typename Read>
auto find(soci::session& session, std::string_view query, const Binds& binds, Read&& read) {
    std::optional<std::decay_t<std::invoke_result_t<Read&, const Row&>>> found;
    each(session, query, binds, [&](const Row& row) {
        if (!found) {
            found.emplace(read(row));
        }
    });
    return found;
}

// The integer in the only column of the first row, such as a COUNT(*); 0 when there is no row or it is NULL.
std::int64_t count(soci::session& session, std::string_view query, const Binds& binds = {});

// Runs a text of several statements, without placeholders: for migrations and set-up.
void run_script(soci::session& session, std::string_view script);

}  // namespace capstan::sql
