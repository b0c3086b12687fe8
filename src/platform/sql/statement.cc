#include "platform/sql/statement.h"

#include <fmt/format.h>
#include <soci/session.h>

#include "base/utf8.h"
#include "platform/sql/failure.h"
#include "platform/sql/handle.h"
#include "platform/sql/postgresql_statement.h"
#include "platform/sql/sqlite_statement.h"

namespace capstan::sql {
namespace {

// PostgreSQL refuses what is not UTF-8 and would cut a text at a NUL; SQLite takes anything. Neither choice
// is left to the database.
void check_texts(const Binds& binds) {
    for (const Bind& bind : binds) {
        const auto* text = std::get_if<std::string>(&bind.value.storage());
        if (text == nullptr) {
            continue;
        }
        if (text->find('\0') != std::string::npos) {
            throw Failure(
                {.code = ErrorCode::kInvalid, .message = fmt::format("{} holds a NUL byte", bind.name)}
            );
        }
        if (!is_utf8(*text)) {
            throw Failure({.code = ErrorCode::kInvalid, .message = fmt::format("{} is not UTF-8", bind.name)}
            );
        }
    }
}

std::int64_t run(
    soci::session& session,
    std::string_view statement,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
) {
    check_texts(binds);
    if (dialect_of(session) == Dialect::kSqlite) {
        return run_sqlite(sqlite_handle(session), statement, binds, visit);
    }
    return run_postgresql(postgresql_handle(session), statement, binds, visit);
}

}  // namespace

std::int64_t execute(soci::session& session, std::string_view statement, const Binds& binds) {
    return run(session, statement, binds, {});
}

void each(
    soci::session& session,
    std::string_view query,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
) {
    run(session, query, binds, visit);
}

std::int64_t count(soci::session& session, std::string_view query, const Binds& binds) {
    std::optional<std::int64_t> value;
    run(session, query, binds, [&](const Row& row) {
        if (!value) {
            value = row.only_integer();
        }
    });
    return value.value_or(0);
}

void run_script(soci::session& session, std::string_view script) {
    if (dialect_of(session) == Dialect::kSqlite) {
        run_sqlite_script(sqlite_handle(session), std::string(script));
    } else {
        run_postgresql_script(postgresql_handle(session), std::string(script));
    }
}

}  // namespace capstan::sql
