#include "platform/sql/migrations.h"

#include <map>

#include <fmt/format.h>

#include "base/hash.h"
#include "platform/sql/handle.h"
#include "platform/sql/statement.h"

namespace capstan::sql {
namespace {

constexpr std::string_view kMarker = "-- dialect:";

struct Applied {
    std::string room;
    int number = 0;
    std::string name;
    std::string checksum;
};

using AppliedByPlace = std::map<std::pair<std::string, int>, Applied>;

std::string title_of(std::string_view room, int number, std::string_view name) {
    return fmt::format("{}/{:04}_{}", room, number, name);
}

std::string title_of(const Migration& migration) {
    return title_of(migration.room, migration.number, migration.name);
}

// Whoever migrates is alone: PostgreSQL by a lock that ends with the transaction, SQLite by its one writer.
void lock_migrations(soci::session& session) {
    if (dialect_of(session) == Dialect::kPostgresql) {
        find(
            session,
            "SELECT 1 AS done FROM pg_advisory_xact_lock(hashtextextended('capstan migrations ' || "
            "current_schema(), 0))",
            {},
            [](const Row& row) { return row.integer("done"); }
        );
    }
    execute(
        session,
        "CREATE TABLE IF NOT EXISTS capstan_migrations (room TEXT NOT NULL, number BIGINT NOT NULL, "
        "name TEXT NOT NULL, checksum TEXT NOT NULL, applied_ms BIGINT NOT NULL, PRIMARY KEY (room, number))"
    );
}

AppliedByPlace read_applied(soci::session& session) {
    AppliedByPlace applied;
    each(session, "SELECT room, number, name, checksum FROM capstan_migrations", {}, [&](const Row& row) {
        Applied one{
            .room = row.text("room"),
            .number = static_cast<int>(row.integer("number")),
            .name = row.text("name"),
            .checksum = row.text("checksum"),
        };
        applied.emplace(std::pair(one.room, one.number), std::move(one));
    });
    return applied;
}

Result<void> check_not_newer(const std::vector<Migration>& known, const AppliedByPlace& applied) {
    std::map<std::pair<std::string, int>, const Migration*> known_by_place;
    for (const Migration& migration : known) {
        known_by_place.emplace(std::pair(std::string(migration.room), migration.number), &migration);
    }
    for (const auto& [place, one] : applied) {
        const auto found = known_by_place.find(place);
        const std::string title = title_of(one.room, one.number, one.name);
        if (found == known_by_place.end()) {
            return Error{
                ErrorCode::kConflict,
                "the database is newer than this program: it holds migration " + title +
                    "; start a newer capstan, or restore a backup from before it"
            };
        }
        if (sha256_hex(found->second->text) != one.checksum) {
            return Error{
                ErrorCode::kConflict,
                "migration " + title +
                    " was changed after it was applied to this database; put the file back as "
                    "it was and write the change as a new migration"
            };
        }
    }
    return {};
}

Result<void> apply(soci::session& session, const Migration& migration, std::int64_t now_ms) {
    Result<std::string> text = text_for(migration.text, dialect_of(session));
    if (!text) {
        return with_context(title_of(migration), text.error());
    }
    const Outcome outcome = run_guarded([&]() -> Result<void> {
        run_script(session, *text);
        return {};
    });
    if (!outcome.result) {
        return with_context("migration " + title_of(migration), outcome.result.error());
    }
    if (!is_in_transaction(session)) {
        return Error{
            ErrorCode::kInternal, "migration " + title_of(migration) + " may not commit or roll back"
        };
    }
    execute(
        session,
        "INSERT INTO capstan_migrations (room, number, name, checksum, applied_ms) "
        "VALUES (:room, :number, :name, :checksum, :applied_ms)",
        {{"room", migration.room},
         {"number", migration.number},
         {"name", migration.name},
         {"checksum", sha256_hex(migration.text)},
         {"applied_ms", now_ms}}
    );
    return {};
}

Result<std::vector<Migration>> in_order(const std::vector<std::span<const Migration>>& rooms) {
    std::vector<Migration> all;
    for (const std::span<const Migration> room : rooms) {
        for (std::size_t i = 0; i < room.size(); ++i) {
            if (room[i].number != static_cast<int>(i) + 1 || room[i].room != room[0].room) {
                return Error{
                    ErrorCode::kInternal, "migrations must run from 1 without gaps: " + title_of(room[i])
                };
            }
            all.push_back(room[i]);
        }
    }
    return all;
}

}  // namespace

Result<std::vector<std::string>> migrate(
    Database& database, const std::vector<std::span<const Migration>>& rooms, const ClockMs& now_ms
) {
    const Result<std::vector<Migration>> known = in_order(rooms);
    if (!known) {
        return known.error();
    }
    return database.upgrade([&](soci::session& session) -> Result<std::vector<std::string>> {
        lock_migrations(session);
        const AppliedByPlace applied = read_applied(session);
        if (Result<void> fits = check_not_newer(*known, applied); !fits) {
            return fits.error();
        }
        std::vector<std::string> done;
        for (const Migration& migration : *known) {
            if (applied.contains(std::pair(std::string(migration.room), migration.number))) {
                continue;
            }
            if (Result<void> one = apply(session, migration, now_ms()); !one) {
                return one.error();
            }
            done.push_back(title_of(migration));
        }
        return done;
    });
}

Result<std::string> text_for(std::string_view text, Dialect dialect) {
    std::string chosen;
    bool is_for_us = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end);
        if (!line.starts_with(kMarker)) {
            chosen += is_for_us ? line : std::string_view();
            continue;
        }
        std::string_view name = line.substr(kMarker.size());
        name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
        name = name.substr(0, name.find_last_not_of(" \t\r\n") + 1);
        if (name != "both" && name != name_of(Dialect::kSqlite) && name != name_of(Dialect::kPostgresql)) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("unknown dialect '{}'; write sqlite, postgresql or both", name)
            };
        }
        is_for_us = name == "both" || name == name_of(dialect);
    }
    return chosen;
}

}  // namespace capstan::sql
