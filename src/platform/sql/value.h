#pragma once

// A value bound to a placeholder of a statement: owned, so it cannot dangle, and typed, so both databases
// store the same thing.

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/json.h"

namespace capstan::sql {

// Bytes for a column of type BLOB (SQLite) or BYTEA (PostgreSQL).
struct Blob {
    std::string bytes;
};

// NULL. PostgreSQL must know the type of a placeholder in `:x IS NULL`: there, bind an empty
// std::optional<T>, which keeps the type, rather than a bare null.
struct Null {
    std::size_t type = 0;  // The index in Value::Storage of the type that it stands for; 0: unknown.
};

class Value {
public:
    using Storage = std::variant<Null, bool, std::int64_t, double, std::string, Blob>;

    static_assert(std::variant_size_v<Storage> == 6, "PostgreSQL's types of NULLs go by index");

    Value() = default;  // NULL

    Value(std::nullptr_t) {}

    Value(std::nullopt_t) {}

    template <std::same_as<bool> T>
    Value(T value) : storage_(value) {}

    // An unsigned value over the largest int64 ends the process: no column could hold it.
    template <std::integral T>
        requires(!std::same_as<T, bool> && !std::same_as<T, char>)
    Value(T value) : storage_(static_cast<std::int64_t>(value)) {
        CHECK(std::in_range<std::int64_t>(value), "a number for SQL must fit 64 bits with a sign");
    }

    template <std::floating_point T>
    Value(T value) : storage_(static_cast<double>(value)) {}

    Value(const char* value) : storage_(std::string(value)) {}

    Value(std::string_view value) : storage_(std::string(value)) {}

    Value(std::string value) : storage_(std::move(value)) {}

    Value(Blob value) : storage_(std::move(value)) {}

    // As its compact text.
    template <std::same_as<Json> T>
    Value(const T& value) : storage_(value.dump()) {}

    template <typename T>
    Value(const std::optional<T>& value) {
        Value typed = value ? Value(*value) : Value(T());
        storage_ = value ? std::move(typed.storage_) : Storage(Null{typed.storage_.index()});
    }

    const Storage& storage() const { return storage_; }

private:
    Storage storage_;
};

// `name` is a placeholder's, without the colon. It must outlive the call that it is passed to: use literals.
struct Bind {
    std::string_view name;
    Value value;
};

// {{"id", run.id}, {"created_ms", run.created_ms}}; or built step by step for a filter.
using Binds = std::vector<Bind>;

}  // namespace capstan::sql
