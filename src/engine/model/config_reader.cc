#include "engine/model/config_reader.h"

#include <utility>

#include <fmt/format.h>

namespace capstan::engine {

Error wrong_setting(std::string_view key, const Json& value, std::string_view expected) {
    return Error{
        ErrorCode::kInvalid, fmt::format("'{}' is {}; {}", key, value.dump().substr(0, 80), expected)
    };
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t otherwise, Range range) {
    const Json& value = json_[key];
    if (value.is_null()) {
        return otherwise;
    }
    const auto number = value.as_int();
    if (!number || *number < range.low || *number > range.high) {
        fail(key, value, fmt::format("it must be an integer from {} to {}", range.low, range.high));
        return otherwise;
    }
    return *number;
}

double ConfigReader::number(std::string_view key, double otherwise, double low, double high) {
    const Json& value = json_[key];
    if (value.is_null()) {
        return otherwise;
    }
    const auto number = value.as_double();
    if (!number || !(*number >= low && *number <= high)) {
        fail(key, value, fmt::format("it must be a number from {} to {}", low, high));
        return otherwise;
    }
    return *number;
}

bool ConfigReader::flag(std::string_view key, bool otherwise) {
    const Json& value = json_[key];
    if (!value.is_null() && !value.is_bool()) {
        fail(key, value, "it must be true or false");
    }
    return value.as_bool().value_or(otherwise);
}

std::string ConfigReader::text(std::string_view key, std::string_view otherwise) {
    const Json& value = json_[key];
    if (!value.is_null() && value.as_string() == nullptr) {
        fail(key, value, "it must be a string");
    }
    return json_.string_or(key, otherwise);
}

std::vector<double> ConfigReader::numbers(std::string_view key, std::size_t count, double low, double high) {
    std::vector<double> values;
    const Json::Array* items = json_[key].as_array();
    if (items != nullptr && items->size() == count) {
        for (const Json& item : *items) {
            const auto number = item.as_double();
            if (number && *number >= low && *number <= high) {
                values.push_back(*number);
            }
        }
    }
    if (values.size() != count) {
        fail(key, fmt::format("it must be a list of {} numbers from {} to {}", count, low, high));
        values.assign(count, high);
    }
    return values;
}

std::int64_t ConfigReader::integer_or_none(std::string_view key, std::int64_t otherwise, Range range) {
    return json_.contains(key) && !has(key) ? 0 : integer(key, otherwise, range);
}

double ConfigReader::number_or_none(std::string_view key, double otherwise, double low, double high) {
    return json_.contains(key) && !has(key) ? 0 : number(key, otherwise, low, high);
}

void ConfigReader::fail(std::string_view key, const Json& value, std::string_view expected) {
    fail(wrong_setting(key, value, expected));
}

void ConfigReader::fail(Error error) {
    if (!error_) {
        error_ = std::move(error);
    }
}

}  // namespace capstan::engine
