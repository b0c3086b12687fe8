#pragma once

// Migrations: numbered files of each room, embedded by capstan_migrations() (cmake/migrations.cmake), applied
// once and in order, forward only.
//
// A file is for both databases; a part for one of them stands below a line "-- dialect: sqlite" or
// "-- dialect: postgresql", until the next such line; "-- dialect: both" ends it. Portable columns: TEXT,
// BIGINT, BOOLEAN, DOUBLE PRECISION, and BLOB or BYTEA in a dialect's part. A migration may not commit or
// roll back.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "platform/sql/database.h"

namespace capstan::sql {

struct Migration {
    std::string_view room;
    int number = 0;  // From 1, without gaps within the room.
    std::string_view name;
    std::string_view text;  // The whole file; its SHA-256 is remembered.
};

// Applies what is missing, all in one transaction, rooms in the given order, while no other process can do
// the same. Returns the applied ones as "room/0001_name". kConflict, and nothing is changed, when the
// database is newer than the program (it holds a migration that the program lacks) or when an applied file
// has been changed since.
Result<std::vector<std::string>> migrate(
    Database& database,
    const std::vector<std::span<const Migration>>& rooms,
    const ClockMs& now_ms = system_now_ms
);

// The part of a migration's text that is for `dialect`. kInvalid for a dialect that nobody knows.
Result<std::string> text_for(std::string_view text, Dialect dialect);

}  // namespace capstan::sql
