#include "engine/grammar/schema_compiler.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/grammar/schema_parts.h"

namespace capstan::engine {
namespace {

// Alternatives within "allOf" multiply, and schemas nest: both have an end.
constexpr int kSchemasMax = 20'000;
constexpr int kDepthMax = 60;

constexpr std::string_view kOpenable[] = {"$ref", "allOf"};

bool is_false(const Json& schema) {
    return schema == Json(false);
}

// `schema` without one of its keywords.
Json without(const Json& schema, std::string_view keyword) {
    Json rest = schema;
    std::erase_if(*rest.as_object(), [&](const Json::Member& member) { return member.first == keyword; });
    return rest;
}

bool says_nothing(const Json& schema) {
    const Json::Object* members = schema.as_object();
    return schema == Json(true) ||
           (members != nullptr &&
            std::ranges::all_of(*members, [](const Json::Member& m) { return is_annotation(m.first); }));
}

}  // namespace

SchemaCompiler::Schemas SchemaCompiler::Schemas::below(std::string_view name, std::vector<Json> schemas)
    const {
    return {.all = std::move(schemas), .place = fmt::format("{}/{}", place, name), .depth = depth + 1};
}

Result<ExpressionId> SchemaCompiler::compile() {
    auto root = value({.all = {root_}, .place = "#", .depth = 0});
    while (root && !references_.empty()) {
        const std::string name = references_.front();
        references_.pop_front();
        const auto target = resolve_reference(root_, name);
        if (!target) {
            return target.error();
        }
        const auto body = value({.all = {**target}, .place = name, .depth = 0});
        if (!body) {
            return body;
        }
        builder_.define(rule_of_.at(name), *body);
    }
    return root;
}

Error SchemaCompiler::error(const Schemas& at, std::string_view what) const {
    return {ErrorCode::kInvalid, fmt::format("JSON schema at {}: {}", at.place, what)};
}

Result<ExpressionId> SchemaCompiler::reference(const std::string& to) {
    const auto known = rule_of_.find(to);
    if (known != rule_of_.end()) {
        return builder_.call(known->second);
    }
    if (auto target = resolve_reference(root_, to); !target) {
        return target.error();
    }
    const RuleId rule = builder_.declare(to);
    rule_of_.emplace(to, rule);
    references_.push_back(to);
    return builder_.call(rule);
}

Result<ExpressionId> SchemaCompiler::value(Schemas schemas) {
    for (;;) {
        compiled_ += 1 + static_cast<int>(schemas.all.size() / 2);
        if (compiled_ > kSchemasMax || schemas.depth > kDepthMax || builder_.is_too_large()) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format("JSON schema at {}: too many schemas, alternatives or levels", schemas.place)
            };
        }
        std::erase_if(schemas.all, says_nothing);
        if (schemas.all.empty()) {
            return pieces_.value();
        }
        if (std::ranges::any_of(schemas.all, is_false)) {
            return builder_.nothing();
        }
        for (const Json& schema : schemas.all) {
            if (!schema.is_object()) {
                return error(schemas, "a schema must be an object, true or false");
            }
            if (auto good = check_keywords(schema); !good) {
                return error(schemas, good.error().message);
            }
        }
        const Json& first = schemas.all.front();
        if (schemas.all.size() == 1 && first["$ref"].is_string() && says_nothing(without(first, "$ref"))) {
            auto called = reference(*first["$ref"].as_string());
            return called ? called : Result<ExpressionId>(error(schemas, called.error().message));
        }
        const auto opened = open_one(schemas);
        if (!opened) {
            return error(schemas, opened.error().message);
        }
        if (!*opened) {
            break;
        }
    }
    for (std::size_t i = 0; i < schemas.all.size(); ++i) {
        for (const std::string_view keyword : {"anyOf", "oneOf"}) {
            if (schemas.all[i].contains(keyword)) {
                return alternatives(std::move(schemas), i, keyword);
            }
        }
    }
    Json merged = schemas.all.front();
    for (std::size_t i = 1; i < schemas.all.size(); ++i) {
        auto both = merge_schemas(merged, schemas.all[i]);
        if (!both) {
            return error(schemas, both.error().message);
        }
        merged = std::move(*both);
    }
    return is_false(merged) ? builder_.nothing() : plain(merged, schemas);
}

// Puts what one reference or "allOf" stands for in its place; false when there is none.
Result<bool> SchemaCompiler::open_one(Schemas& schemas) {
    for (std::size_t i = 0; i < schemas.all.size(); ++i) {
        for (const std::string_view keyword : kOpenable) {
            if (!schemas.all[i].contains(keyword)) {
                continue;
            }
            const Json opened = schemas.all[i][keyword];
            schemas.all[i] = without(schemas.all[i], keyword);
            if (keyword == "allOf") {
                if (!opened.is_array() || opened.as_array()->size() > kSchemasMax) {
                    return Error{ErrorCode::kInvalid, "'allOf' must be a list of schemas"};
                }
                schemas.all.insert(schemas.all.end(), opened.as_array()->begin(), opened.as_array()->end());
                return true;
            }
            if (!opened.is_string()) {
                return Error{ErrorCode::kInvalid, "'$ref' must be a text"};
            }
            const auto target = resolve_reference(root_, *opened.as_string());
            if (!target) {
                return target.error();
            }
            ++schemas.depth;  // A circle of references ends here.
            schemas.all.push_back(**target);
            return true;
        }
    }
    return false;
}

Result<ExpressionId> SchemaCompiler::alternatives(
    Schemas schemas, std::size_t which, std::string_view keyword
) {
    const Json list = schemas.all[which][keyword];
    if (!list.is_array() || list.as_array()->empty()) {
        return error(schemas, fmt::format("'{}' must be a list of schemas", keyword));
    }
    const Json::Array& all = *list.as_array();
    if (keyword == "oneOf") {
        constexpr std::size_t kComparedMax = 300;
        for (std::size_t i = 0; i < std::min(all.size(), kComparedMax + 1); ++i) {
            for (std::size_t j = 0; j < i; ++j) {
                if (i == kComparedMax || !are_disjoint(root_, all[i], all[j])) {
                    return error(
                        schemas,
                        fmt::format("'oneOf': {} and {} may both hold for a value; use 'anyOf'", j, i)
                    );
                }
            }
        }
    }
    schemas.all[which] = without(schemas.all[which], keyword);
    std::vector<ExpressionId> ways;
    for (std::size_t i = 0; i < all.size(); ++i) {
        Schemas one = schemas.below(fmt::format("{}/{}", keyword, i), schemas.all);
        one.all.push_back(all[i]);
        auto way = value(std::move(one));
        if (!way) {
            return way;
        }
        ways.push_back(*way);
    }
    return builder_.choice(std::move(ways));
}

// A schema without references and alternatives.
Result<ExpressionId> SchemaCompiler::plain(const Json& schema, const Schemas& at) {
    const auto types = types_of(schema);
    if (!types) {
        return error(at, types.error().message);
    }
    if (schema.contains("enum") || schema.contains("const")) {
        if (!schema.contains("const") && !schema["enum"].is_array()) {
            return error(at, "'enum' must be a list of values");
        }
        Json::Array values =
            schema.contains("const") ? Json::Array{schema["const"]} : *schema["enum"].as_array();
        if (schema["nullable"] == Json(true)) {
            values.emplace_back();
        }
        const int allowed = (*types & kSchemaNumber) != 0 ? *types | kSchemaInteger : *types;
        std::erase_if(values, [&](const Json& value) { return (type_of(value) & allowed) == 0; });
        auto literals = constants(values, schema);
        return literals ? literals : Result<ExpressionId>(error(at, literals.error().message));
    }
    std::vector<ExpressionId> ways;
    for (int type = kSchemaNull; type <= kSchemaObject; type *= 2) {
        const bool is_covered = type == kSchemaInteger && (*types & kSchemaNumber) != 0;
        if ((*types & type) == 0 || is_covered) {
            continue;
        }
        auto way = of_type(schema, static_cast<std::uint8_t>(type), at);
        if (!way) {
            // Deeper ones name their own places.
            const bool is_placed = way.error().message.starts_with("JSON schema at");
            return is_placed ? way.error() : error(at, way.error().message);
        }
        ways.push_back(*way);
    }
    return builder_.choice(std::move(ways));
}

Result<ExpressionId> SchemaCompiler::constants(const Json::Array& values, const Json& schema) {
    constexpr std::string_view kFine[] = {"enum", "const", "type", "nullable"};
    for (const auto& [name, value] : *schema.as_object()) {
        if (!is_annotation(name) && std::ranges::find(kFine, name) == std::end(kFine)) {
            return Error{
                ErrorCode::kInvalid, fmt::format("'{}' beside 'enum' or 'const' is not supported", name)
            };
        }
    }
    std::vector<ExpressionId> ways;
    for (const Json& value : values) {
        ways.push_back(pieces_.literal(value));
    }
    return builder_.choice(std::move(ways));
}

Result<ExpressionId> SchemaCompiler::of_type(const Json& schema, std::uint8_t type, const Schemas& at) {
    switch (type) {
        case kSchemaNull:
            return pieces_.null();
        case kSchemaBoolean:
            return pieces_.boolean();
        case kSchemaInteger:
            return number_of_schema(schema, NumberKind::kInteger, pieces_);
        case kSchemaNumber:
            return number_of_schema(schema, NumberKind::kAny, pieces_);
        case kSchemaString:
            return string_of_schema(schema, pieces_);
        case kSchemaArray:
            return array(schema, at);
        default:
            return object(schema, at);
    }
}

Result<ExpressionId> SchemaCompiler::array(const Json& schema, const Schemas& at) {
    const auto counts = counts_of_schema(schema, "minItems", "maxItems");
    if (!counts) {
        return counts.error();
    }
    if (counts->is_empty()) {
        return builder_.nothing();
    }
    constexpr std::size_t kPrefixMax = 200;
    std::vector<ExpressionId> prefix;
    if (schema.contains("prefixItems")) {
        const Json::Array* list = schema["prefixItems"].as_array();
        if (list == nullptr || list->size() > kPrefixMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("'prefixItems' must be a list of up to {} schemas", kPrefixMax)
            };
        }
        for (std::size_t i = 0; i < list->size(); ++i) {
            const auto item = value(at.below(fmt::format("prefixItems/{}", i), {(*list)[i]}));
            if (!item) {
                return item;
            }
            prefix.push_back(*item);
        }
    }
    if (schema["items"].is_array()) {
        return Error{ErrorCode::kInvalid, "'items' as a list is not supported: use 'prefixItems'"};
    }
    CountRange limited = *counts;
    if (is_false(schema["items"])) {
        const auto most = static_cast<std::int32_t>(prefix.size());
        limited.max = limited.max < 0 ? most : std::min(limited.max, most);
    }
    const auto item = value(at.below("items", {schema.contains("items") ? schema["items"] : Json(true)}));
    if (!item) {
        return item;
    }
    if (limited.is_empty()) {
        return builder_.nothing();
    }
    return builder_.rule(at.place, pieces_.bracketed("[", items(prefix, *item, limited), "]"));
}

ExpressionId SchemaCompiler::items(
    const std::vector<ExpressionId>& prefix, ExpressionId item, CountRange counts
) {
    if (counts.max == 0) {
        return builder_.empty();
    }
    // From the last to the first: what may come when so many are there already.
    const auto first_free = std::max<std::int32_t>(1, static_cast<std::int32_t>(prefix.size()));
    ExpressionId tail = builder_.empty();
    if (counts.max < 0 || counts.max > first_free) {
        tail = builder_.repeat(
            builder_.sequence({pieces_.comma(), item}),
            std::max(0, counts.min - first_free),
            counts.max < 0 ? -1 : counts.max - first_free
        );
    }
    for (std::int32_t i = first_free - 1; i >= 0; --i) {
        const ExpressionId one = std::cmp_less(i, prefix.size()) ? prefix[static_cast<std::size_t>(i)] : item;
        if (counts.max >= 0 && i >= counts.max) {
            continue;
        }
        const ExpressionId begun =
            i == 0 ? builder_.sequence({one, tail}) : builder_.sequence({pieces_.comma(), one, tail});
        tail = i < counts.min ? begun : builder_.optional(begun);
    }
    return tail;
}

}  // namespace capstan::engine
