#include "platform/sql/row.h"

#include <fmt/format.h>

#include "platform/sql/failure.h"

namespace capstan::sql {
namespace {

[[noreturn]] void refuse(std::string_view column, std::string_view why) {
    throw Failure({.code = ErrorCode::kInternal, .message = fmt::format("column {}: {}", column, why)});
}

}  // namespace

int Row::find(std::string_view column) const {
    for (int i = 0; i < cells_->count(); ++i) {
        if (cells_->name(i) == column) {
            return i;
        }
    }
    refuse(column, "the answer has no such column");
}

int Row::find_value(std::string_view column) const {
    const int index = find(column);
    if (cells_->is_null(index)) {
        refuse(column, "is NULL; read it with an optional accessor");
    }
    return index;
}

std::string Row::text(std::string_view column) const {
    return std::string(text_view(column));
}

std::string_view Row::text_view(std::string_view column) const {
    return cells_->text(find_value(column));
}

std::int64_t Row::integer(std::string_view column) const {
    const auto value = cells_->integer(find_value(column));
    if (!value) {
        refuse(column, "is no integer");
    }
    return *value;
}

double Row::real(std::string_view column) const {
    const auto value = cells_->real(find_value(column));
    if (!value) {
        refuse(column, "is no number");
    }
    return *value;
}

bool Row::boolean(std::string_view column) const {
    const std::string_view value = text_view(column);
    if (value == "1" || value == "t") {
        return true;
    }
    if (value == "0" || value == "f") {
        return false;
    }
    refuse(column, "is no boolean");
}

std::string Row::blob(std::string_view column) const {
    return cells_->blob(find_value(column));
}

Json Row::json(std::string_view column) const {
    Result<Json> value = parse_json(text_view(column));
    if (!value) {
        refuse(column, "is no JSON: " + value.error().message);
    }
    return std::move(*value);
}

std::int64_t Row::only_integer() const {
    if (cells_->is_null(0)) {
        return 0;
    }
    const auto value = cells_->integer(0);
    if (!value) {
        refuse(cells_->name(0), "is no integer");
    }
    return *value;
}

bool Row::is_null(std::string_view column) const {
    return cells_->is_null(find(column));
}

std::optional<std::string> Row::optional_text(std::string_view column) const {
    return is_null(column) ? std::nullopt : std::optional(text(column));
}

std::optional<std::int64_t> Row::optional_integer(std::string_view column) const {
    return is_null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<double> Row::optional_real(std::string_view column) const {
    return is_null(column) ? std::nullopt : std::optional(real(column));
}

std::optional<bool> Row::optional_boolean(std::string_view column) const {
    return is_null(column) ? std::nullopt : std::optional(boolean(column));
}

}  // namespace capstan::sql
