// Bulk insert into SQLite: rows are collected and go in by one prepared statement of many rows.

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <sqlite3.h>

#include "platform/sql/bulk_sink.h"
#include "platform/sql/failure.h"

namespace capstan::sql {
namespace {

constexpr std::size_t kValuesMax = 512;  // Of one statement: beyond it nothing is gained.
constexpr std::size_t kCollectedBytesMax = std::size_t{4} << 20;

class SqliteBulk final : public BulkSink {
public:
    SqliteBulk(sqlite3* handle, const BulkTarget& target)
        : handle_(handle),
          target_(target),
          rows_max_(std::clamp<std::size_t>(kValuesMax / target.columns, 1, 64)),
          before_(sqlite3_total_changes64(handle)) {}

    ~SqliteBulk() override {
        sqlite3_finalize(many_);
        sqlite3_finalize(one_);
    }

    void text(std::string_view value) override { add_bytes(SQLITE_TEXT, value); }

    void blob(std::string_view value) override { add_bytes(SQLITE_BLOB, value); }

    void integer(std::int64_t value) override {
        cells_.push_back({.type = SQLITE_INTEGER, .integer = value});
    }

    void boolean(bool value) override { integer(value ? 1 : 0); }

    void real(double value) override { cells_.push_back({.type = SQLITE_FLOAT, .real = value}); }

    void null() override { cells_.push_back({.type = SQLITE_NULL}); }

    void end_row() override {
        if (++rows_ == rows_max_) {
            insert_all();
        } else if (bytes_.size() > kCollectedBytesMax) {
            insert_each();
        }
    }

    std::int64_t finish() override {
        insert_each();
        return inserted_;
    }

private:
    struct Cell {
        int type = SQLITE_NULL;
        std::int64_t integer = 0;  // Or where its bytes begin.
        double real = 0;
        std::size_t size = 0;
    };

    void add_bytes(int type, std::string_view value) {
        cells_.push_back(
            {.type = type, .integer = static_cast<std::int64_t>(bytes_.size()), .size = value.size()}
        );
        bytes_ += value;
    }

    void insert_all() {
        if (many_ == nullptr) {
            many_ = prepare(rows_max_);
        }
        insert(many_, 0, cells_.size());
        clear();
    }

    void insert_each() {
        if (one_ == nullptr && rows_ > 0) {
            one_ = prepare(1);
        }
        for (std::size_t row = 0; row < rows_; ++row) {
            insert(one_, row * target_.columns, (row + 1) * target_.columns);
        }
        clear();
    }

    void clear() {
        cells_.clear();
        bytes_.clear();
        rows_ = 0;
    }

    sqlite3_stmt* prepare(std::size_t rows) {
        std::string row(target_.columns * 2 + 1, ',');
        for (std::size_t i = 0; i < target_.columns; ++i) {
            row[1 + 2 * i] = '?';
        }
        row.front() = '(';
        row.back() = ')';
        std::string text = fmt::format(
            "INSERT {}INTO {} ({}) VALUES ",
            target_.skips_repeated_keys ? "OR IGNORE " : "",
            target_.table,
            target_.column_list
        );
        for (std::size_t i = 0; i < rows; ++i) {
            text += i == 0 ? "" : ",";
            text += row;
        }
        sqlite3_stmt* statement = nullptr;
        check_sqlite(
            handle_,
            sqlite3_prepare_v2(handle_, text.data(), static_cast<int>(text.size()), &statement, nullptr)
        );
        return statement;
    }

    void insert(sqlite3_stmt* statement, std::size_t first, std::size_t last) {
        int index = 1;
        for (std::size_t i = first; i < last; ++i, ++index) {
            check_sqlite(handle_, bind(statement, index, cells_[i]));
        }
        const int code = sqlite3_step(statement);
        if (code != SQLITE_DONE) {
            check_sqlite(handle_, code);
        }
        const std::int64_t changes = sqlite3_total_changes64(handle_);
        inserted_ += changes == before_ ? 0 : sqlite3_changes64(handle_);
        before_ = changes;
        sqlite3_reset(statement);
    }

    int bind(sqlite3_stmt* statement, int index, const Cell& cell) const {
        switch (cell.type) {
            case SQLITE_INTEGER:
                return sqlite3_bind_int64(statement, index, cell.integer);
            case SQLITE_FLOAT:
                return sqlite3_bind_double(statement, index, cell.real);
            case SQLITE_TEXT:
                return sqlite3_bind_text64(
                    statement, index, bytes_.data() + cell.integer, cell.size, SQLITE_STATIC, SQLITE_UTF8
                );
            case SQLITE_BLOB:
                return sqlite3_bind_blob64(
                    statement, index, bytes_.data() + cell.integer, cell.size, SQLITE_STATIC
                );
            default:
                return sqlite3_bind_null(statement, index);
        }
    }

    sqlite3* handle_;
    const BulkTarget target_;
    const std::size_t rows_max_;
    std::vector<Cell> cells_;
    std::string bytes_;  // Of texts and blobs in cells_.
    std::size_t rows_ = 0;
    sqlite3_stmt* many_ = nullptr;
    sqlite3_stmt* one_ = nullptr;
    std::int64_t before_;
    std::int64_t inserted_ = 0;
};

}  // namespace

std::unique_ptr<BulkSink> bulk_into_sqlite(sqlite3* handle, const BulkTarget& target) {
    return std::make_unique<SqliteBulk>(handle, target);
}

}  // namespace capstan::sql
