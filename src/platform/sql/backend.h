#pragma once

// What Database needs from each kind of database.

#include <memory>

#include "platform/sql/database.h"

namespace capstan::sql {

class Database::Backend {
public:
    virtual ~Backend() = default;
    virtual Result<void> write(const Work& work) = 0;
    virtual Result<void> upgrade(const Work& work) = 0;
    virtual Result<void> read(const Work& work) = 0;
    virtual Dialect dialect() const = 0;
    virtual DatabaseStats stats() const = 0;
};

// `path` and `conninfo` are taken from the options' url.
Result<std::unique_ptr<Database::Backend>> open_sqlite_backend(
    const std::string& path, const DatabaseOptions& options
);
Result<std::unique_ptr<Database::Backend>> open_postgresql_backend(const DatabaseOptions& options);

}  // namespace capstan::sql
