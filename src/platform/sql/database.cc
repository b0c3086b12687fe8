#include "platform/sql/database.h"

#include <array>
#include <string_view>

#include "base/check.h"
#include "platform/sql/backend.h"

namespace capstan::sql {
namespace {

// The database whose work this thread is running: a nested call would wait for itself.
thread_local const Database::Backend* inside = nullptr;

class InsideScope {
public:
    explicit InsideScope(const Database::Backend* backend) : previous_(inside) {
        CHECK(inside != backend, "work inside transact or read may not call back into its Database");
        inside = backend;
    }

    ~InsideScope() { inside = previous_; }

    InsideScope(const InsideScope&) = delete;
    InsideScope& operator=(const InsideScope&) = delete;

private:
    const Database::Backend* previous_;
};

Result<std::unique_ptr<Database::Backend>> open_backend(const DatabaseOptions& options) {
    constexpr std::string_view kSqlite = "sqlite://";
    if (options.url.starts_with(kSqlite)) {
        return open_sqlite_backend(options.url.substr(kSqlite.size()), options);
    }
    if (options.url.starts_with("postgresql://") || options.url.starts_with("postgres://")) {
        return open_postgresql_backend(options);
    }
    return Error{
        ErrorCode::kInvalid,
        "the database url must start with sqlite:// or postgresql:// (it may hold a password: not shown)"
    };
}

}  // namespace

Result<Database> Database::open(const DatabaseOptions& options) {
    if (options.readers == 0 || options.connections == 0 || options.wait_ms_max <= 0 ||
        options.statement_ms_max <= 0) {
        return Error{
            ErrorCode::kInvalid, "database options: readers, connections and times must be positive"
        };
    }
    auto backend = open_backend(options);
    if (!backend) {
        return backend.error();
    }
    return Database(std::move(*backend));
}

Database::Database(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}

Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

Dialect Database::dialect() const {
    return backend_->dialect();
}

DatabaseStats Database::stats() const {
    return backend_->stats();
}

Result<void> Database::run(Access access, const Work& work) {
    const InsideScope scope(backend_.get());
    switch (access) {
        case Access::kRead:
            return backend_->read(work);
        case Access::kWrite:
            return backend_->write(work);
        case Access::kUpgrade:
            return backend_->upgrade(work);
    }
    return Error{ErrorCode::kInternal, "no such access"};
}

}  // namespace capstan::sql
