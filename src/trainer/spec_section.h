#pragma once

// Reads one object of a specification: typed members with limits, and no others.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::trainer {

template <typename T>
struct Limits {
    T min;
    T max;
};

// The first thing that is wrong in a specification; later ones are dropped.
class SpecErrors {
public:
    void add(std::string key, std::string_view why);

    const std::optional<Error>& first() const { return first_; }

private:
    std::optional<Error> first_;
};

// Each getter returns the member, or `otherwise` when it is absent, null or wrong (then `errors` has it).
class SpecSection {
public:
    // `json` and `errors` must outlive this. Null stands for an empty object.
    //   name  Of this object, such as "optimizer"; empty for the outermost.
    SpecSection(const Json& json, std::string_view name, SpecErrors& errors);

    std::int64_t integer(std::string_view key, std::int64_t otherwise, Limits<std::int64_t> limits);
    double number(std::string_view key, double otherwise, Limits<double> limits);
    bool boolean(std::string_view key, bool otherwise);
    std::string text(std::string_view key, std::string otherwise);
    std::vector<std::string> texts(std::string_view key, std::vector<std::string> otherwise);
    const Json& object(std::string_view key);

    bool has(std::string_view key) const { return !json_[key].is_null(); }

    void fail(std::string_view key, std::string_view why);
    void refuse_unknown();  // Last: what no getter asked for is an error.

private:
    const Json& json_;
    std::string name_;
    SpecErrors& errors_;
    std::vector<std::string> known_;

    const Json& member(std::string_view key);
};

}  // namespace capstan::trainer
