#pragma once

// What a dialect does with the values of a BulkInsert.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct pg_conn;
struct sqlite3;

namespace capstan::sql {

class BulkSink {
public:
    virtual ~BulkSink() = default;
    virtual void text(std::string_view value) = 0;
    virtual void integer(std::int64_t value) = 0;
    virtual void real(double value) = 0;
    virtual void boolean(bool value) = 0;
    virtual void blob(std::string_view value) = 0;
    virtual void null() = 0;
    virtual void end_row() = 0;
    virtual std::int64_t finish() = 0;
};

struct BulkTarget {
    std::string table;
    std::string column_list;  // "a, b, c"
    std::size_t columns = 0;
    bool skips_repeated_keys = false;
};

std::unique_ptr<BulkSink> bulk_into_sqlite(sqlite3* handle, const BulkTarget& target);
std::unique_ptr<BulkSink> bulk_into_postgresql(pg_conn* handle, const BulkTarget& target);

}  // namespace capstan::sql
