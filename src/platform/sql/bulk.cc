#include "platform/sql/bulk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <soci/session.h>

#include "base/check.h"
#include "base/utf8.h"
#include "platform/sql/bulk_sink.h"
#include "platform/sql/dialect.h"
#include "platform/sql/failure.h"
#include "platform/sql/handle.h"

namespace capstan::sql {

BulkInsert::BulkInsert(
    soci::session& session,
    std::string_view table,
    const std::vector<std::string_view>& columns,
    RepeatedKey repeated_key
)
    : columns_(columns.size()) {
    CHECK(!columns.empty(), "a bulk insert needs columns");
    const BulkTarget target{
        .table = std::string(table),
        .column_list = fmt::format("{}", fmt::join(columns, ", ")),
        .columns = columns.size(),
        .skips_repeated_keys = repeated_key == RepeatedKey::kSkip,
    };
    sink_ = dialect_of(session) == Dialect::kSqlite
                ? bulk_into_sqlite(sqlite_handle(session), target)
                : bulk_into_postgresql(postgresql_handle(session), target);
}

BulkInsert::~BulkInsert() = default;

void BulkInsert::next_column() {
    CHECK(column_ < columns_, "a row of a bulk insert has more values than columns");
    ++column_;
}

BulkInsert& BulkInsert::text(std::string_view value) {
    next_column();
    if (value.find('\0') != std::string_view::npos || !is_utf8(value)) {
        throw Failure({.code = ErrorCode::kInvalid, .message = "a text is not UTF-8, or holds a NUL byte"});
    }
    sink_->text(value);
    return *this;
}

BulkInsert& BulkInsert::integer(std::int64_t value) {
    next_column();
    sink_->integer(value);
    return *this;
}

BulkInsert& BulkInsert::real(double value) {
    next_column();
    sink_->real(value);
    return *this;
}

BulkInsert& BulkInsert::boolean(bool value) {
    next_column();
    sink_->boolean(value);
    return *this;
}

BulkInsert& BulkInsert::blob(std::string_view value) {
    next_column();
    sink_->blob(value);
    return *this;
}

BulkInsert& BulkInsert::null() {
    next_column();
    sink_->null();
    return *this;
}

void BulkInsert::end_row() {
    CHECK(column_ == columns_, "a row of a bulk insert has fewer values than columns");
    column_ = 0;
    sink_->end_row();
}

std::int64_t BulkInsert::finish() {
    CHECK(column_ == 0, "the last row of a bulk insert is not ended");
    return sink_->finish();
}

}  // namespace capstan::sql
