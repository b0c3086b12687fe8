#include "platform/sql/sqlite_connection.h"

#include <limits>

#include <sqlite3.h>

#include "base/clock.h"
#include "platform/sql/failure.h"
#include "platform/sql/handle.h"
#include "platform/sql/sqlite_statement.h"

namespace capstan::sql {
namespace {

constexpr int kStepsBetweenLooks = 4'000;  // Virtual machine instructions: well under a millisecond.

// synchronous=FULL: in WAL mode NORMAL would sync only at checkpoints, and power loss would take back commits
// that were acknowledged. FULL syncs the log at each commit; group commit shares that cost.
constexpr const char* kPragmas =
    "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-16000; PRAGMA journal_size_limit=67108864;";

}  // namespace

SqliteConnection::SqliteConnection(
    const std::filesystem::path& path, SqliteAccess access, std::int64_t busy_ms_max
)
    : until_ms_(std::numeric_limits<std::int64_t>::max()) {
    open_sqlite(session_, path.string(), static_cast<int>(busy_ms_max));
    handle_ = sqlite_handle(session_);
    sqlite3_busy_timeout(handle_, static_cast<int>(busy_ms_max));
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_progress_handler(handle_, kStepsBetweenLooks, &SqliteConnection::is_late, this);
    std::string mode;
    run_sqlite(handle_, "PRAGMA journal_mode=WAL", {}, [&](const Row& row) {
        mode = row.text("journal_mode");
    });
    if (mode != "wal") {
        throw Failure(
            {.code = ErrorCode::kUnavailable, .message = "no WAL mode on this file system, but " + mode}
        );
    }
    run(kPragmas);
    if (access == SqliteAccess::kRead) {
        run("PRAGMA query_only=ON");
    }
}

SqliteConnection::~SqliteConnection() {
    sqlite3_progress_handler(handle_, 0, nullptr, nullptr);
}

void SqliteConnection::limit_to_ms(std::int64_t ms) {
    until_ms_ = monotonic_now_ms() + ms;
}

void SqliteConnection::run(const std::string& script) {
    run_sqlite_script(handle_, script);
}

bool SqliteConnection::is_in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

bool SqliteConnection::has_open_foreign_keys() const {
    int open = 0;
    int highest = 0;
    sqlite3_db_status(handle_, SQLITE_DBSTATUS_DEFERRED_FKS, &open, &highest, 0);
    return open != 0;
}

int SqliteConnection::is_late(void* connection) {
    return monotonic_now_ms() > static_cast<SqliteConnection*>(connection)->until_ms_ ? 1 : 0;
}

}  // namespace capstan::sql
