#pragma once

// One connection to a SQLite file, with the pragmas that we rely on and a deadline for what runs on it.

#include <cstdint>
#include <filesystem>
#include <string>

#include <soci/session.h>

struct sqlite3;

namespace capstan::sql {

enum class SqliteAccess { kRead, kWrite };

class SqliteConnection {
public:
    // Throws as SOCI does.
    SqliteConnection(const std::filesystem::path& path, SqliteAccess access, std::int64_t busy_ms_max);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    soci::session& session() { return session_; }

    // From now on SQL that still runs after `ms` is interrupted.
    void limit_to_ms(std::int64_t ms);

    void run(const std::string& script);  // Throws Failure.

    bool is_in_transaction() const;
    bool has_open_foreign_keys() const;  // Deferred checks that a commit would fail on.

private:
    static int is_late(void* connection);

    soci::session session_;
    sqlite3* handle_ = nullptr;
    std::int64_t until_ms_;
};

}  // namespace capstan::sql
