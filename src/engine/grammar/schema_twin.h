#pragma once

// For tests: whether a value fits a JSON schema, straight from the specification (draft 2020-12).

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include "base/json.h"
#include "base/utf8.h"

namespace capstan::engine {

// Of schemas that the compiler takes, with ASCII patterns; formats are not looked at.
class SchemaTwin {
public:
    explicit SchemaTwin(const Json& root) : root_(root) {}

    bool fits(const Json& value) const { return fits(value, root_); }

private:
    static std::size_t characters(const std::string& text) {
        return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        }));
    }

    static bool is_type(const Json& value, const std::string& name) {
        const auto number = value.as_double();
        return (name == "null" && value.is_null()) || (name == "boolean" && value.is_bool()) ||
               (name == "string" && value.is_string()) || (name == "array" && value.is_array()) ||
               (name == "object" && value.is_object()) || (name == "number" && number) ||
               (name == "integer" && number && *number == static_cast<double>(static_cast<long long>(*number))
               );
    }

    const Json& at(const std::string& reference) const {
        const Json* place = &root_;
        for (std::size_t begin = 1; begin < reference.size();) {
            const std::size_t end = std::min(reference.find('/', begin + 1), reference.size());
            place = &(*place)[reference.substr(begin + 1, end - begin - 1)];
            begin = end;
        }
        return *place;
    }

    bool fits(const Json& value, const Json& schema) const {
        if (schema.is_bool()) {
            return *schema.as_bool();
        }
        if (value.is_null() && schema["nullable"] == Json(true)) {
            return true;
        }
        return fits_any(value, schema) && fits_number(value, schema) && fits_string(value, schema) &&
               fits_array(value, schema) && fits_object(value, schema);
    }

    bool fits_any(const Json& value, const Json& schema) const {
        if (const Json& type = schema["type"]; !type.is_null()) {
            bool is_one = false;
            for (const Json& name : type.is_array() ? *type.as_array() : Json::Array{type}) {
                is_one = is_one || is_type(value, *name.as_string());
            }
            if (!is_one) {
                return false;
            }
        }
        const auto count = [&](const Json& list) {
            return std::ranges::count_if(*list.as_array(), [&](const Json& one) { return fits(value, one); });
        };
        return (!schema.contains("$ref") || fits(value, at(*schema["$ref"].as_string()))) &&
               (!schema.contains("const") || value == schema["const"]) &&
               (!schema.contains("enum") || std::ranges::count(*schema["enum"].as_array(), value) > 0) &&
               (!schema.contains("anyOf") || count(schema["anyOf"]) > 0) &&
               (!schema.contains("oneOf") || count(schema["oneOf"]) == 1) &&
               (!schema.contains("allOf") || count(schema["allOf"]) == std::ssize(*schema["allOf"].as_array())
               );
    }

    static bool fits_number(const Json& value, const Json& schema) {
        const auto number = value.as_double();
        if (!number) {
            return true;
        }
        return *number >= schema.double_or("minimum", -1e300) &&
               *number <= schema.double_or("maximum", 1e300) &&
               *number > schema.double_or("exclusiveMinimum", -1e300) &&
               *number < schema.double_or("exclusiveMaximum", 1e300);
    }

    static bool fits_string(const Json& value, const Json& schema) {
        const std::string* text = value.as_string();
        if (text == nullptr) {
            return true;
        }
        const auto length = static_cast<std::int64_t>(characters(*text));
        return length >= schema.int_or("minLength", 0) && length <= schema.int_or("maxLength", 1 << 30) &&
               (!schema.contains("pattern") ||
                std::regex_search(*text, std::regex(*schema["pattern"].as_string())));
    }

    bool fits_array(const Json& value, const Json& schema) const {
        const Json::Array* items = value.as_array();
        if (items == nullptr) {
            return true;
        }
        const Json::Array* prefix = schema["prefixItems"].as_array();
        for (std::size_t i = 0; i < items->size(); ++i) {
            const bool is_prefix = prefix != nullptr && i < prefix->size();
            if (is_prefix ? !fits((*items)[i], (*prefix)[i])
                          : schema.contains("items") && !fits((*items)[i], schema["items"])) {
                return false;
            }
        }
        return std::ssize(*items) >= schema.int_or("minItems", 0) &&
               std::ssize(*items) <= schema.int_or("maxItems", 1 << 30);
    }

    bool fits_object(const Json& value, const Json& schema) const {
        const Json::Object* members = value.as_object();
        if (members == nullptr) {
            return true;
        }
        for (const auto& [name, member] : *members) {
            const bool is_declared = schema["properties"].contains(name);
            if (is_declared ? !fits(member, schema["properties"][name])
                            : schema.contains("additionalProperties") &&
                                  !fits(member, schema["additionalProperties"])) {
                return false;
            }
            if (schema.contains("propertyNames") && !fits(Json(name), schema["propertyNames"])) {
                return false;
            }
        }
        if (const Json::Array* required = schema["required"].as_array()) {
            for (const Json& name : *required) {
                if (!value.contains(*name.as_string())) {
                    return false;
                }
            }
        }
        return std::ssize(*members) >= schema.int_or("minProperties", 0) &&
               std::ssize(*members) <= schema.int_or("maxProperties", 1 << 30);
    }

    const Json& root_;
};

}  // namespace capstan::engine
