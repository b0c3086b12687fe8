#include "trainer/spec_section.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace capstan::trainer {

void SpecErrors::add(std::string key, std::string_view why) {
    if (!first_) {
        first_ = Error{ErrorCode::kInvalid, fmt::format("spec.json: '{}' {}", key, why)};
    }
}

SpecSection::SpecSection(const Json& json, std::string_view name, SpecErrors& errors)
    : json_(json), name_(name), errors_(errors) {
    if (!json.is_object() && !json.is_null()) {
        errors_.add(name_, "must be an object");
    }
}

const Json& SpecSection::member(std::string_view key) {
    known_.emplace_back(key);
    return json_[key];
}

void SpecSection::fail(std::string_view key, std::string_view why) {
    errors_.add(name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key), why);
}

std::int64_t SpecSection::integer(std::string_view key, std::int64_t otherwise, Limits<std::int64_t> limits) {
    const Json& json = member(key);
    if (json.is_null()) {
        return otherwise;
    }
    const auto value = json.as_int();
    if (!value || *value < limits.min || *value > limits.max) {
        fail(key, fmt::format("must be a whole number from {} to {}", limits.min, limits.max));
        return otherwise;
    }
    return *value;
}

double SpecSection::number(std::string_view key, double otherwise, Limits<double> limits) {
    const Json& json = member(key);
    if (json.is_null()) {
        return otherwise;
    }
    const auto value = json.as_double();
    if (!value || !(*value >= limits.min) || !(*value <= limits.max)) {
        fail(key, fmt::format("must be a number from {} to {}", limits.min, limits.max));
        return otherwise;
    }
    return *value;
}

bool SpecSection::boolean(std::string_view key, bool otherwise) {
    const Json& json = member(key);
    if (!json.is_null() && !json.is_bool()) {
        fail(key, "must be true or false");
    }
    return json.as_bool().value_or(otherwise);
}

std::string SpecSection::text(std::string_view key, std::string otherwise) {
    const Json& json = member(key);
    if (!json.is_null() && !json.is_string()) {
        fail(key, "must be a string");
    }
    return json.is_string() ? *json.as_string() : std::move(otherwise);
}

std::vector<std::string> SpecSection::texts(std::string_view key, std::vector<std::string> otherwise) {
    const Json& json = member(key);
    if (json.is_null()) {
        return otherwise;
    }
    std::vector<std::string> values;
    if (const auto* items = json.as_array()) {
        for (const Json& item : *items) {
            if (item.is_string() && !item.as_string()->empty()) {
                values.push_back(*item.as_string());
            }
        }
        if (values.size() == items->size()) {
            return values;
        }
    }
    fail(key, "must be a list of non-empty strings");
    return otherwise;
}

const Json& SpecSection::object(std::string_view key) {
    return member(key);
}

void SpecSection::refuse_unknown() {
    if (const auto* members = json_.as_object()) {
        for (const auto& [key, value] : *members) {
            if (std::ranges::find(known_, key) == known_.end()) {
                fail(key, fmt::format("is unknown; known are: {}", fmt::join(known_, ", ")));
            }
        }
    }
}

}  // namespace capstan::trainer
