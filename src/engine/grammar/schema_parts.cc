#include "engine/grammar/schema_parts.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

constexpr std::pair<std::string_view, std::uint8_t> kTypes[] = {
    {"null", kSchemaNull},
    {"boolean", kSchemaBoolean},
    {"integer", kSchemaInteger},
    {"number", kSchemaNumber},
    {"string", kSchemaString},
    {"array", kSchemaArray},
    {"object", kSchemaObject},
};

constexpr std::string_view kAnnotations[] = {
    "title",       "description",  "default", "examples",      "example",          "deprecated",
    "readOnly",    "writeOnly",    "$schema", "$id",           "$comment",         "$defs",
    "definitions", "externalDocs", "xml",     "discriminator", "contentMediaType", "contentEncoding",
    "strict",      "name",
};

// Keywords that are enforced, and the type that each is about (any: all).
constexpr std::pair<std::string_view, std::uint8_t> kKeywords[] = {
    {"type", kSchemaAny},
    {"nullable", kSchemaAny},
    {"enum", kSchemaAny},
    {"const", kSchemaAny},
    {"$ref", kSchemaAny},
    {"allOf", kSchemaAny},
    {"anyOf", kSchemaAny},
    {"oneOf", kSchemaAny},
    {"properties", kSchemaObject},
    {"required", kSchemaObject},
    {"additionalProperties", kSchemaObject},
    {"propertyNames", kSchemaObject},
    {"minProperties", kSchemaObject},
    {"maxProperties", kSchemaObject},
    {"items", kSchemaArray},
    {"prefixItems", kSchemaArray},
    {"minItems", kSchemaArray},
    {"maxItems", kSchemaArray},
    {"minLength", kSchemaString},
    {"maxLength", kSchemaString},
    {"pattern", kSchemaString},
    {"format", kSchemaString},
    {"minimum", kSchemaNumber},
    {"maximum", kSchemaNumber},
    {"exclusiveMinimum", kSchemaNumber},
    {"exclusiveMaximum", kSchemaNumber},
    {"multipleOf", kSchemaNumber},
};

std::uint8_t subject_of(std::string_view keyword) {
    for (const auto& [name, type] : kKeywords) {
        if (name == keyword) {
            return type;
        }
    }
    return 0;
}

// Integers are numbers.
std::uint8_t with_integers(std::uint8_t types) {
    return (types & kSchemaNumber) != 0 ? types | kSchemaInteger : types;
}

// What a list of values leaves of types: nothing said when there is no list.
const Json::Array* values_of(const Json& schema, Json::Array& single) {
    if (schema.contains("const")) {
        single = {schema["const"]};
        return &single;
    }
    return schema["enum"].as_array();
}

Json conjunction(const Json& a, const Json& b) {
    return a == b ? a : Json::object({{"allOf", Json::array({a, b})}});
}

}  // namespace

std::uint8_t type_of(const Json& value) {
    if (value.is_null()) {
        return kSchemaNull;
    }
    if (value.is_bool()) {
        return kSchemaBoolean;
    }
    if (value.is_number()) {
        const auto number = value.as_double();
        const bool is_whole =
            value.is_integer() ||
            (number &&
             *number == static_cast<double>(static_cast<std::int64_t>(std::clamp(*number, -1e18, 1e18))));
        return is_whole ? kSchemaInteger : kSchemaNumber;
    }
    return value.is_string() ? kSchemaString : value.is_array() ? kSchemaArray : kSchemaObject;
}

Result<std::uint8_t> types_of(const Json& schema) {
    std::uint8_t types = 0;
    const Json& type = schema["type"];
    const Json::Array single = {type};
    for (const Json& name : type.is_array() ? *type.as_array() : single) {
        const std::string* text = name.as_string();
        const auto* found =
            std::ranges::find_if(kTypes, [&](const auto& t) { return text != nullptr && t.first == *text; });
        if (found != std::end(kTypes)) {
            types |= found->second;
        } else if (schema.contains("type")) {
            return Error{ErrorCode::kInvalid, fmt::format("'type' is {}; it must name types", type.dump())};
        }
    }
    if (types == 0) {
        Json::Array one;
        if (const Json::Array* values = values_of(schema, one)) {
            for (const Json& value : *values) {
                types |= type_of(value);
            }
            return types;
        }
        for (const auto& [name, value] : *schema.as_object()) {
            const std::uint8_t subject = subject_of(name);
            types |= subject == kSchemaAny ? 0 : subject;
        }
        types = types == 0 ? std::uint8_t{kSchemaAny} : types;
    }
    return schema.bool_or("nullable", false) ? types | kSchemaNull : types;
}

bool is_annotation(std::string_view keyword) {
    return keyword.starts_with("x-") || std::ranges::find(kAnnotations, keyword) != std::end(kAnnotations);
}

Result<void> check_keywords(const Json& schema) {
    for (const auto& [name, value] : *schema.as_object()) {
        if (name == "uniqueItems" && value == Json(false)) {
            continue;
        }
        if (!is_annotation(name) && subject_of(name) == 0) {
            return Error{ErrorCode::kInvalid, fmt::format("'{}' is not supported", name)};
        }
    }
    return {};
}

Result<const Json*> resolve_reference(const Json& root, const std::string& reference) {
    if (!reference.starts_with('#') || (reference.size() > 1 && reference[1] != '/')) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'$ref' is '{}'; only places in the schema itself ('#/$defs/…') can be referred to", reference
            )
        };
    }
    const Json* at = &root;
    for (std::size_t begin = 1; begin < reference.size();) {
        const std::size_t end = std::min(reference.find('/', begin + 1), reference.size());
        std::string name;
        for (std::size_t i = begin + 1; i < end; ++i) {
            const bool is_escape = reference[i] == '~' && i + 1 < end;
            name += !is_escape ? reference[i] : reference[++i] == '0' ? '~' : '/';
        }
        const Json::Array* items = at->as_array();
        std::size_t index = 0;
        if (items != nullptr && name.size() <= 6 &&
            std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
            for (const char c : name) {
                index = index * 10 + static_cast<std::size_t>(c - '0');
            }
            at = !name.empty() && index < items->size() ? &(*items)[index] : nullptr;
        } else {
            at = at->contains(name) ? &(*at)[name] : nullptr;
        }
        if (at == nullptr) {
            return Error{
                ErrorCode::kInvalid, fmt::format("'$ref' is '{}'; there is no such place", reference)
            };
        }
        begin = end;
    }
    return at;
}

namespace {

// The schema that `of` has for a member: its own, or that of all others.
const Json& member_schema(const Json& of, const std::string& name) {
    static const Json anything = true;
    if (of["properties"].contains(name)) {
        return of["properties"][name];
    }
    return of.contains("additionalProperties") ? of["additionalProperties"] : anything;
}

void merge_members(const Json& a, const Json& b, Json& merged) {
    Json properties = Json::object();
    for (const Json* of : {&a, &b}) {
        const Json::Object* members = (*of)["properties"].as_object();
        for (const auto& [name, schema] : members == nullptr ? Json::Object() : *members) {
            if (!properties.contains(name)) {
                properties.set(name, conjunction(member_schema(a, name), member_schema(b, name)));
            }
        }
    }
    merged.set("properties", std::move(properties));
}

Result<void> merge_keyword(const std::string& name, const Json& a, const Json& b, Json& merged) {
    const Json& x = a[name];
    const Json& y = b[name];
    const bool is_least = name.starts_with("min") || name == "exclusiveMinimum";
    const bool is_most = name.starts_with("max") || name == "exclusiveMaximum";
    if ((is_least || is_most) && x.is_number() && y.is_number()) {
        merged.set(name, (*x.as_double() > *y.as_double()) == is_least ? x : y);
    } else if (name == "required" && x.is_array() && y.is_array()) {
        Json::Array all = *x.as_array();
        std::ranges::copy_if(*y.as_array(), std::back_inserter(all), [&](const Json& one) {
            return std::ranges::find(all, one) == all.end();
        });
        merged.set(name, Json(std::move(all)));
    } else if (name == "items" || name == "additionalProperties" || name == "propertyNames") {
        merged.set(name, conjunction(x, y));
    } else if (x != y) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("two different '{}' that must hold at once are not supported", name)
        };
    }
    return {};
}

}  // namespace

Result<Json> merge_schemas(const Json& a, const Json& b) {
    if (a == Json(true) || b == Json(true)) {
        return a == Json(true) ? b : a;
    }
    if (a == Json(false) || b == Json(false)) {
        return Json(false);
    }
    Json merged = a;
    for (const auto& [name, value] : *b.as_object()) {
        if (!a.contains(name)) {
            merged.set(name, value);
        } else if (name == "properties" || name == "type" || name == "enum" || name == "const" ||
                   is_annotation(name)) {
            continue;  // Below.
        } else if (auto good = merge_keyword(name, a, b, merged); !good) {
            return good.error();
        }
    }
    if (a.contains("properties") || b.contains("properties")) {
        merge_members(a, b, merged);
    }
    if (a.contains("prefixItems") != b.contains("prefixItems") &&
        (a.contains("items") || b.contains("items"))) {
        return Error{
            ErrorCode::kInvalid,
            "'prefixItems' and 'items' of two schemas that must hold at once are not supported"
        };
    }
    Json::Array one;
    Json::Array other;
    const Json::Array* x = values_of(a, one);
    const Json::Array* y = values_of(b, other);
    if (x != nullptr && y != nullptr) {
        Json::Array both;
        std::ranges::copy_if(*x, std::back_inserter(both), [&](const Json& value) {
            return std::ranges::find(*y, value) != y->end();
        });
        merged.set("enum", Json(std::move(both)));
        std::erase_if(*merged.as_object(), [](const auto& member) { return member.first == "const"; });
    }
    if (a.contains("type") && b.contains("type")) {
        const auto left = types_of(a);
        const auto right = types_of(b);
        if (!left || !right) {
            return left ? right.error() : left.error();
        }
        const int both = with_integers(*left) & with_integers(*right);
        Json types = Json::array();
        for (const auto& [name, type] : kTypes) {
            if ((both & type) != 0 && !(type == kSchemaInteger && (both & kSchemaNumber) != 0)) {
                types.push(name);
            }
        }
        if (types.as_array()->empty()) {
            return Json(false);
        }
        merged.set("type", std::move(types));
        merged.set("nullable", false);
    }
    return merged;
}

bool are_disjoint(const Json& root, const Json& a, const Json& b, int depth) {
    constexpr int kDepthMax = 8;
    if (depth > kDepthMax) {
        return false;
    }
    for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        if (const std::string* reference = (*one)["$ref"].as_string()) {
            const auto target = resolve_reference(root, *reference);
            return target && are_disjoint(root, **target, *other, depth + 1);
        }
    }
    if (a == Json(false) || b == Json(false)) {
        return true;
    }
    if (a.as_object() == nullptr || b.as_object() == nullptr) {
        return false;
    }
    const auto states_types = [](const Json& s) {
        return s.contains("type") || s.contains("const") || s.contains("enum");
    };
    const auto left = types_of(a);
    const auto right = types_of(b);
    if (!states_types(a) || !states_types(b) || !left || !right) {
        return false;
    }
    const int common = with_integers(*left) & with_integers(*right);
    if (common == 0) {
        return true;
    }
    Json::Array one;
    Json::Array other;
    const Json::Array* x = values_of(a, one);
    const Json::Array* y = values_of(b, other);
    if (x != nullptr && y != nullptr) {
        return std::ranges::none_of(*x, [&](const Json& value) {
            return std::ranges::find(*y, value) != y->end();
        });
    }
    const Json::Array* needed = a["required"].as_array();
    const Json::Array* needed_too = b["required"].as_array();
    if (common != kSchemaObject || needed == nullptr || needed_too == nullptr) {
        return false;
    }
    return std::ranges::any_of(*needed, [&](const Json& name) {
        const std::string* text = name.as_string();
        return text != nullptr && std::ranges::find(*needed_too, name) != needed_too->end() &&
               are_disjoint(root, member_schema(a, *text), member_schema(b, *text), depth + 1);
    });
}

}  // namespace capstan::engine
