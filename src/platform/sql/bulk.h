#pragma once

// Many rows at once: COPY on PostgreSQL, one prepared statement of many rows on SQLite.
//
//     sql::BulkInsert spans(session, "spans", {"id", "start_ms", "name"});
//     for (const Span& span : batch) {
//         spans.text(span.id).integer(span.start_ms).text(span.name).end_row();
//     }
//     const std::int64_t inserted = spans.finish();
//
// Inside one transact(); until `finish`, the session may run nothing else. Throws as statements do.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace soci {
class session;
}

namespace capstan::sql {

enum class RepeatedKey {
    kFail,  // The whole transaction fails with kConflict.
    kSkip,  // The row is left out. PostgreSQL then goes by way of a temporary table.
};

// What a dialect does with the values, row by row.
class BulkSink;

class BulkInsert {
public:
    // The names become part of the SQL: literals only.
    BulkInsert(
        soci::session& session,
        std::string_view table,
        const std::vector<std::string_view>& columns,
        RepeatedKey repeated_key = RepeatedKey::kFail
    );
    ~BulkInsert();  // Without `finish`, the transaction can only be rolled back.
    BulkInsert(const BulkInsert&) = delete;
    BulkInsert& operator=(const BulkInsert&) = delete;

    // The next column of the row; each value must be of its column's type. Texts: UTF-8 without NUL bytes
    // (kInvalid). What a view shows is copied.
    BulkInsert& text(std::string_view value);
    BulkInsert& integer(std::int64_t value);
    BulkInsert& real(double value);
    BulkInsert& boolean(bool value);
    BulkInsert& blob(std::string_view value);
    BulkInsert& null();

    void end_row();  // After as many values as there are columns.

    // Once. How many rows were inserted.
    std::int64_t finish();

private:
    void next_column();

    std::unique_ptr<BulkSink> sink_;
    std::size_t columns_;
    std::size_t column_ = 0;
};

}  // namespace capstan::sql
