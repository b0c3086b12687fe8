#pragma once

// One row of an answer, read by column name, with the same types on both databases.
//
// SOCI's own rows are a trap: on SQLite a column declared INTEGER comes as 32 bits and COUNT(*) as text, on
// PostgreSQL SUM comes as a double and BYTEA not at all. This reader goes by what the database holds.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace capstan::sql {

// What a driver gives for the row under its cursor. Views live until the cursor moves.
class Cells {
public:
    virtual ~Cells() = default;
    virtual int count() const = 0;
    virtual std::string_view name(int column) const = 0;
    virtual bool is_null(int column) const = 0;
    virtual std::string_view text(int column) const = 0;
    virtual std::optional<std::int64_t> integer(int column) const = 0;
    virtual std::optional<double> real(int column) const = 0;
    virtual std::string blob(int column) const = 0;
};

// Valid inside the function that receives it. Each accessor ends the surrounding transact() or read() with
// kInternal, naming the column, when there is no such column, when it is NULL (except for the optional ones)
// or when its value is of another type.
class Row {
public:
    explicit Row(const Cells& cells) : cells_(&cells) {}

    std::string text(std::string_view column) const;
    std::string_view text_view(std::string_view column) const;  // Not copied.
    std::int64_t integer(std::string_view column) const;
    double real(std::string_view column) const;
    bool boolean(std::string_view column) const;
    std::string blob(std::string_view column) const;
    Json json(std::string_view column) const;

    // The first column's, whatever it is called; 0 when it is NULL.
    std::int64_t only_integer() const;

    bool is_null(std::string_view column) const;
    std::optional<std::string> optional_text(std::string_view column) const;
    std::optional<std::int64_t> optional_integer(std::string_view column) const;
    std::optional<double> optional_real(std::string_view column) const;
    std::optional<bool> optional_boolean(std::string_view column) const;

private:
    int find(std::string_view column) const;
    int find_value(std::string_view column) const;

    const Cells* cells_;
};

}  // namespace capstan::sql
