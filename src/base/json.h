#pragma once

// One JSON value, in memory: read by simdjson, written by one writer.
//
// Objects keep the order in which members came; a repeated name in parsed text is an error. Integers stay
// exact (int64, and uint64 above it); other numbers are double and print the shortest text that reads back
// equal.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace capstan {

class Json {
public:
    using Array = std::vector<Json>;
    using Member = std::pair<std::string, Json>;
    using Object = std::vector<Member>;

    Json() = default;  // null

    Json(std::nullptr_t) {}

    Json(bool value) : value_(value) {}

    Json(int value) : value_(std::int64_t{value}) {}

    Json(unsigned value) : value_(std::int64_t{value}) {}

    Json(long value) : value_(std::int64_t{value}) {}

    Json(long long value) : value_(std::int64_t{value}) {}

    Json(unsigned long value);
    Json(unsigned long long value);

    Json(double value) : value_(value) {}

    Json(const char* value) : value_(std::string(value)) {}

    Json(std::string_view value) : value_(std::string(value)) {}

    Json(std::string value) : value_(std::move(value)) {}

    Json(Array value) : value_(std::move(value)) {}

    template <typename T>
    Json(const std::optional<T>& value) : Json(value ? Json(*value) : Json()) {}

    // {{"name", value}, ...}
    static Json object(std::initializer_list<Member> members = {});
    static Json array(std::initializer_list<Json> items = {});

    template <typename Range>
    static Json array_of(const Range& range) {
        Array items;
        for (const auto& item : range) {
            items.emplace_back(item);
        }
        return Json(std::move(items));
    }

    bool is_null() const { return std::holds_alternative<std::monostate>(value_); }

    bool is_bool() const { return std::holds_alternative<bool>(value_); }

    bool is_integer() const;  // Fits int64 or uint64.
    bool is_number() const;

    bool is_string() const { return std::holds_alternative<std::string>(value_); }

    bool is_array() const { return std::holds_alternative<Array>(value_); }

    bool is_object() const { return std::holds_alternative<Object>(value_); }

    // The value, or nothing when it is of another type (or, for integers, out of range).
    std::optional<bool> as_bool() const;
    std::optional<std::int64_t> as_int() const;
    std::optional<double> as_double() const;  // Any number.

    const std::string* as_string() const { return std::get_if<std::string>(&value_); }

    const Array* as_array() const { return std::get_if<Array>(&value_); }

    Array* as_array() { return std::get_if<Array>(&value_); }

    const Object* as_object() const { return std::get_if<Object>(&value_); }

    Object* as_object() { return std::get_if<Object>(&value_); }

    // The member called `name`, or null when there is none or this is no object. The reference lives as long
    // as this value.
    const Json& operator[](std::string_view name) const;
    bool contains(std::string_view name) const;

    // Adds the member or replaces its value. This must be an object or null (which becomes an object).
    Json& set(std::string_view name, Json value);
    // This must be an array or null (which becomes an array).
    Json& push(Json value);

    // Members as values, with a default where the member is absent, null or of another type.
    std::string string_or(std::string_view name, std::string_view otherwise) const;
    std::int64_t int_or(std::string_view name, std::int64_t otherwise) const;
    double double_or(std::string_view name, double otherwise) const;
    bool bool_or(std::string_view name, bool otherwise) const;

    // Members as values; kInvalid, naming the member, when absent or of another type.
    Result<std::string> get_string(std::string_view name) const;
    Result<std::int64_t> get_int(std::string_view name) const;
    Result<double> get_double(std::string_view name) const;

    // Compact text. Strings that are not UTF-8 come out with U+FFFD in place of each broken byte; NaN and
    // infinities as null.
    std::string dump() const;
    std::string dump_pretty() const;  // Indented by two spaces, with a newline at the end.

    bool operator==(const Json& other) const = default;

private:
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object>
        value_;

    friend class JsonWriter;
};

// Reads one document. kInvalid, with the reason, for anything else: bad UTF-8, trailing text, repeated names,
// numbers out of range, nesting over `depth_max`. Thread-safe. Cost: linear.
Result<Json> parse_json(std::string_view text, int depth_max = 128);

// Appends `text` to `out` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace capstan
