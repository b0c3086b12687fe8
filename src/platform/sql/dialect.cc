#include "platform/sql/dialect.h"

#include <algorithm>

#include <fmt/format.h>
#include <soci/session.h>

#include "base/check.h"

namespace capstan::sql {
namespace {

std::string escape_like(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') {
            escaped += '\\';
        }
        escaped += c;
    }
    return escaped;
}

bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

}  // namespace

std::string_view name_of(Dialect dialect) {
    return dialect == Dialect::kSqlite ? "sqlite" : "postgresql";
}

Dialect dialect_of(soci::session& session) {
    return session.get_backend_name() == "sqlite3" ? Dialect::kSqlite : Dialect::kPostgresql;
}

std::string_view for_update(Dialect dialect) {
    return dialect == Dialect::kSqlite ? "" : " FOR UPDATE";
}

std::string_view greatest(Dialect dialect) {
    return dialect == Dialect::kSqlite ? "MAX" : "GREATEST";
}

std::string_view least(Dialect dialect) {
    return dialect == Dialect::kSqlite ? "MIN" : "LEAST";
}

std::string json_member(Dialect dialect, std::string_view column, std::string_view key) {
    CHECK(std::ranges::all_of(key, is_key_character), "the key of a JSON member becomes part of the SQL");
    if (dialect == Dialect::kSqlite) {
        return fmt::format("CAST({} ->> '$.\"{}\"' AS TEXT)", column, key);
    }
    return fmt::format("(CAST({} AS JSONB) ->> '{}')", column, key);
}

std::string like_containing(std::string_view text) {
    return "%" + escape_like(text) + "%";
}

std::string like_starting_with(std::string_view text) {
    return escape_like(text) + "%";
}

}  // namespace capstan::sql
