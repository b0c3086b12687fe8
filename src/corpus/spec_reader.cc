#include "corpus/spec_reader.h"

#include <cmath>

#include <fmt/format.h>

namespace capstan::corpus {

SpecReader::SpecReader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (!json.is_object() && !json.is_null()) {
        problem_ = (path_.empty() ? "the specification" : "\"" + path_ + "\"") + " must be an object";
    }
}

std::string SpecReader::path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

void SpecReader::fail(std::string_view name, std::string_view problem) {
    if (problem_.empty()) {
        problem_ = fmt::format("\"{}\" {}", path_of(name), problem);
    }
}

void SpecReader::absorb(const SpecReader& inner) {
    if (const auto finished = inner.finish(); !finished && problem_.empty()) {
        problem_ = finished.error().message;
    }
}

const Json& SpecReader::any(std::string_view name) {
    known_.emplace(name);
    return json_[name];
}

void SpecReader::number(std::string_view name, double& value, Range range) {
    const Json& member = any(name);
    if (member.is_null()) {
        return;
    }
    const auto given = member.as_double();
    if (!given || !(*given >= range.min && *given <= range.max)) {
        return fail(name, fmt::format("must be a number from {} to {}", range.min, range.max));
    }
    value = *given;
}

void SpecReader::integer(std::string_view name, std::size_t& value, Range range) {
    const Json& member = any(name);
    if (member.is_null()) {
        return;
    }
    const auto given = member.as_int();
    if (!given || static_cast<double>(*given) < range.min || static_cast<double>(*given) > range.max) {
        return fail(name, fmt::format("must be a whole number from {:.0f} to {:.0f}", range.min, range.max));
    }
    value = static_cast<std::size_t>(*given);
}

void SpecReader::flag(std::string_view name, bool& value) {
    const Json& member = any(name);
    if (member.is_null()) {
        return;
    }
    if (!member.is_bool()) {
        return fail(name, "must be true or false");
    }
    value = *member.as_bool();
}

void SpecReader::text(std::string_view name, std::string& value) {
    const Json& member = any(name);
    if (member.is_null()) {
        return;
    }
    if (!member.is_string() || member.as_string()->empty()) {
        return fail(name, "must be a text that is not empty");
    }
    value = *member.as_string();
}

void SpecReader::texts(std::string_view name, std::vector<std::string>& values) {
    const Json& member = any(name);
    if (member.is_null()) {
        return;
    }
    if (!member.is_array()) {
        return fail(name, "must be a list of texts");
    }
    values.clear();
    for (const auto& item : *member.as_array()) {
        if (!item.is_string() || item.as_string()->empty()) {
            return fail(name, "must be a list of texts that are not empty");
        }
        values.push_back(*item.as_string());
    }
}

SpecReader SpecReader::object(std::string_view name) {
    return {any(name), path_of(name)};
}

Result<void> SpecReader::finish() const {
    if (!problem_.empty()) {
        return Error{ErrorCode::kInvalid, problem_};
    }
    if (const auto* members = json_.as_object()) {
        for (const auto& [name, value] : *members) {
            if (!known_.contains(name)) {
                return Error{ErrorCode::kInvalid, fmt::format("\"{}\" is not a setting", path_of(name))};
            }
        }
    }
    return {};
}

}  // namespace capstan::corpus
