#pragma once

// Reads members of one JSON object and remembers the first thing that is wrong, so that reading stays a list.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::engine {

struct Range {
    std::int64_t low;
    std::int64_t high;
};

// kInvalid: "'key' is value; expected".
Error wrong_setting(std::string_view key, const Json& value, std::string_view expected);

class ConfigReader {
public:
    // `json` outlives the reader.
    explicit ConfigReader(const Json& json) : json_(json) {}

    // Null and absent members give `otherwise`.
    std::int64_t integer(std::string_view key, std::int64_t otherwise, Range range);
    double number(std::string_view key, double otherwise, double low, double high);
    bool flag(std::string_view key, bool otherwise = false);
    std::string text(std::string_view key, std::string_view otherwise);
    // A list of exactly `count` numbers.
    std::vector<double> numbers(std::string_view key, std::size_t count, double low, double high);

    // Absent gives `otherwise`; null, which families write for "none", gives 0.
    std::int64_t integer_or_none(std::string_view key, std::int64_t otherwise, Range range);
    double number_or_none(std::string_view key, double otherwise, double low, double high);

    bool has(std::string_view key) const { return !json_[key].is_null(); }

    const Json& at(std::string_view key) const { return json_[key]; }

    void fail(std::string_view key, std::string_view expected) { fail(key, json_[key], expected); }

    void fail(std::string_view key, const Json& value, std::string_view expected);
    void fail(Error error);

    const std::optional<Error>& error() const { return error_; }

private:
    const Json& json_;
    std::optional<Error> error_;
};

}  // namespace capstan::engine
