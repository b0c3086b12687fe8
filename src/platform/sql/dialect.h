#pragma once

// The two dialects of SQL that Capstan speaks, and the few places where one text cannot serve both.
//
// Upserts need nothing from here: `ON CONFLICT (key) DO UPDATE SET x = excluded.x` and `LIMIT :n` are the
// same in both. The time is always bound (base/clock.h), never asked of the database.

#include <string>
#include <string_view>

namespace soci {
class session;
}

namespace capstan::sql {

enum class Dialect { kSqlite, kPostgresql };

std::string_view name_of(Dialect dialect);  // "sqlite", "postgresql".

Dialect dialect_of(soci::session& session);

// The end of a SELECT that locks its rows until commit: " FOR UPDATE", or nothing on SQLite, whose writers
// are alone anyway.
std::string_view for_update(Dialect dialect);

// The larger of two expressions: "MAX" or "GREATEST" as a function name; and the smaller.
std::string_view greatest(Dialect dialect);
std::string_view least(Dialect dialect);

// The text of the member `key` of the JSON object in `column`, NULL when absent. `key` is letters, digits,
// '_', '-' and '.' only (checked): it becomes part of the SQL.
std::string json_member(Dialect dialect, std::string_view column, std::string_view key);

// A pattern for `LIKE :pattern ESCAPE '\'` that matches texts with `text` in them, whatever its characters.
std::string like_containing(std::string_view text);
std::string like_starting_with(std::string_view text);

}  // namespace capstan::sql
