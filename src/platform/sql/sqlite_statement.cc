#include "platform/sql/sqlite_statement.h"

#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <sqlite3.h>

#include "platform/sql/failure.h"

namespace capstan::sql {
namespace {

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

class SqliteCells : public Cells {
public:
    explicit SqliteCells(sqlite3_stmt* statement) : statement_(statement) {}

    int count() const override { return sqlite3_column_count(statement_); }

    std::string_view name(int column) const override { return sqlite3_column_name(statement_, column); }

    bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

    std::string_view text(int column) const override {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }

    std::optional<std::int64_t> integer(int column) const override {
        if (sqlite3_column_type(statement_, column) == SQLITE_INTEGER) {
            return sqlite3_column_int64(statement_, column);
        }
        return std::nullopt;
    }

    std::optional<double> real(int column) const override {
        const int type = sqlite3_column_type(statement_, column);
        if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
            return sqlite3_column_double(statement_, column);
        }
        return std::nullopt;
    }

    std::string blob(int column) const override {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
        const int size = sqlite3_column_bytes(statement_, column);
        return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
    }

private:
    sqlite3_stmt* statement_;
};

Statement prepare(sqlite3* handle, std::string_view text) {
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    check_sqlite(handle, sqlite3_prepare_v2(handle, text.data(), static_cast<int>(text.size()), &raw, &tail));
    Statement statement(raw);
    const std::string_view rest(tail, text.data() + text.size());
    if (raw == nullptr || rest.find_first_not_of(" \t\n;") != std::string_view::npos) {
        throw Failure({.message = "one statement at a time: " + std::string(text)});
    }
    return statement;
}

int bind_one(sqlite3_stmt* statement, int index, const Value& value) {
    struct Visitor {
        sqlite3_stmt* statement;
        int index;

        int operator()(Null) const { return sqlite3_bind_null(statement, index); }

        int operator()(bool value) const { return sqlite3_bind_int(statement, index, value ? 1 : 0); }

        int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }

        int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }

        int operator()(const std::string& value) const {
            return sqlite3_bind_text64(
                statement, index, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8
            );
        }

        int operator()(const Blob& value) const {
            return sqlite3_bind_blob64(
                statement, index, value.bytes.data(), value.bytes.size(), SQLITE_STATIC
            );
        }
    };

    return std::visit(Visitor{.statement = statement, .index = index}, value.storage());
}

void bind_all(sqlite3* handle, sqlite3_stmt* statement, const Binds& binds) {
    for (const Bind& bind : binds) {
        const std::string name = fmt::format(":{}", bind.name);
        const int index = sqlite3_bind_parameter_index(statement, name.c_str());
        if (index == 0) {
            throw Failure({.message = "no placeholder " + name + " in: " + sqlite3_sql(statement)});
        }
        check_sqlite(handle, bind_one(statement, index, bind.value));
    }
    if (sqlite3_bind_parameter_count(statement) != static_cast<int>(binds.size())) {
        throw Failure({.message = fmt::format("a placeholder is not bound in: {}", sqlite3_sql(statement))});
    }
}

}  // namespace

std::int64_t run_sqlite(
    sqlite3* handle,
    std::string_view statement,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
) {
    const Statement prepared = prepare(handle, statement);
    bind_all(handle, prepared.get(), binds);
    const SqliteCells cells(prepared.get());
    const sqlite3_int64 changes_before = sqlite3_total_changes64(handle);
    int code = SQLITE_OK;
    while ((code = sqlite3_step(prepared.get())) == SQLITE_ROW) {
        if (visit) {
            visit(Row(cells));
        }
    }
    check_sqlite(handle, code);
    // total_changes also counts what foreign keys and triggers did; changes() keeps the last statement's.
    return sqlite3_total_changes64(handle) == changes_before ? 0 : sqlite3_changes64(handle);
}

void run_sqlite_script(sqlite3* handle, const std::string& script) {
    check_sqlite(handle, sqlite3_exec(handle, script.c_str(), nullptr, nullptr, nullptr));
}

}  // namespace capstan::sql
