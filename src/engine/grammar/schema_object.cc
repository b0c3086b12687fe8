// Objects of JSON schemas: SchemaCompiler's other half.

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "engine/grammar/schema_compiler.h"
#include "text/unicode.h"

namespace capstan::engine {
namespace {

constexpr std::size_t kMembersMax = 2000;

std::vector<std::string> required_of(const Json& schema) {
    std::vector<std::string> names;
    if (const Json::Array* list = schema["required"].as_array()) {
        for (const Json& name : *list) {
            if (const std::string* text = name.as_string()) {
                names.push_back(*text);
            }
        }
    }
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
}

// Names of members as a tree of their characters.
struct NameTree {
    std::map<std::uint32_t, NameTree> next;
    bool is_name = false;

    void add(std::string_view name) {
        NameTree* at = this;
        while (!name.empty()) {
            const text::Character character = text::front_character(name);
            name.remove_prefix(character.length);
            at = &at->next[character.code_point];
        }
        at->is_name = true;
    }
};

CharacterSet plain_characters() {
    return CharacterSet({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}).complement();
}

// What follows in names that are not in `tree`, to the end.
ExpressionId other_names(const NameTree& tree, GrammarBuilder& builder) {
    CharacterSet others = plain_characters();
    std::vector<ExpressionId> ways;
    if (!tree.is_name) {
        ways.push_back(builder.empty());
    }
    for (const auto& [character, below] : tree.next) {
        const CharacterSet one = {{character, character}};
        if (plain_characters().contains(character)) {
            others = others.without(one);
            ways.push_back(builder.sequence({builder.characters(one), other_names(below, builder)}));
        }
    }
    const auto anything = builder.repeat(builder.characters(plain_characters()), 0, -1);
    ways.push_back(builder.sequence({builder.characters(others), anything}));
    return builder.choice(std::move(ways));
}

}  // namespace

Result<ExpressionId> SchemaCompiler::object(const Json& schema, const Schemas& at) {
    const auto counts = counts_of_schema(schema, "minProperties", "maxProperties");
    if (!counts) {
        return counts.error();
    }
    const Json& additional = schema["additionalProperties"];
    const bool has_members = schema["properties"].is_object() && !schema["properties"].as_object()->empty();
    if (schema.contains("properties") && !schema["properties"].is_object()) {
        return Error{ErrorCode::kInvalid, "'properties' must be an object of schemas"};
    }
    if (schema.contains("required") && !schema["required"].is_array()) {
        return Error{ErrorCode::kInvalid, "'required' must be a list of names"};
    }
    const bool is_closed = schema.contains("properties") && !schema.contains("additionalProperties");
    const auto required = required_of(schema);
    if (!has_members && required.empty() && !is_closed) {
        return free_object(schema, at, *counts);
    }
    if (schema.contains("propertyNames")) {
        return Error{
            ErrorCode::kInvalid, "'propertyNames' beside 'properties' or 'required' is not supported"
        };
    }
    auto all = members(schema, at);
    if (!all) {
        return all.error();
    }
    const auto needed = std::ranges::count_if(*all, &Member::is_required);
    const bool has_others = schema.contains("additionalProperties") && !(additional == Json(false));
    if (counts->min > needed || (counts->max >= 0 && (has_others || counts->max < std::ssize(*all)))) {
        return Error{
            ErrorCode::kInvalid, "'minProperties' and 'maxProperties' beside 'properties' are not supported"
        };
    }
    std::vector<std::string> names;
    for (const Member& member : *all) {
        names.push_back(member.name);
    }
    if (const Json::Object* declared = schema["properties"].as_object()) {
        for (const auto& [name, unused] : *declared) {
            names.push_back(name);  // Also those that no value fits.
        }
    }
    if (std::ranges::any_of(required, [&](const auto& name) {
            return std::ranges::find(names, name) == names.end();
        })) {
        return builder_.nothing();  // A required member that may not be there.
    }
    ExpressionId others = builder_.empty();
    if (has_others) {
        const auto other = value(at.below("additionalProperties", {additional}));
        if (!other) {
            return other;
        }
        const auto name = name_other_than(names);
        if (!name) {
            return name;
        }
        others = builder_.sequence({*name, pieces_.colon(), *other});
    }
    const ExpressionId inner = members_in_order(*all, has_others ? others : -1);
    return builder_.rule(at.place, pieces_.bracketed("{", inner, "}"));
}

// Without members of its own.
Result<ExpressionId> SchemaCompiler::free_object(const Json& schema, const Schemas& at, CountRange counts) {
    const Json& additional = schema["additionalProperties"];
    if (counts.is_empty()) {
        return builder_.nothing();
    }
    if (additional == Json(false)) {
        return counts.min > 0 ? builder_.nothing() : pieces_.bracketed("{", builder_.empty(), "}");
    }
    ExpressionId name = pieces_.string();
    if (schema.contains("propertyNames")) {
        const Json text = Json::object({{"type", "string"}});
        const auto named = value(at.below("propertyNames", {schema["propertyNames"], text}));
        if (!named) {
            return named;
        }
        name = *named;
    }
    const auto member = value(
        at.below("additionalProperties", {schema.contains("additionalProperties") ? additional : Json(true)})
    );
    if (!member) {
        return member;
    }
    const ExpressionId one = builder_.rule(at.place, builder_.sequence({name, pieces_.colon(), *member}));
    return builder_.rule(at.place, pieces_.bracketed("{", items({}, one, counts), "}"));
}

Result<std::vector<SchemaCompiler::Member>> SchemaCompiler::members(const Json& schema, const Schemas& at) {
    const auto required = required_of(schema);
    Json::Object declared;
    if (const Json::Object* members = schema["properties"].as_object()) {
        declared = *members;
    }
    // Required ones that only "additionalProperties" describes come last.
    for (const std::string& name : required) {
        const bool is_declared =
            std::ranges::any_of(declared, [&](const Json::Member& m) { return m.first == name; });
        const bool may_be = schema.contains("additionalProperties") || !schema.contains("properties");
        if (!is_declared && may_be) {
            const Json& additional = schema["additionalProperties"];
            declared.emplace_back(name, schema.contains("additionalProperties") ? additional : Json(true));
        }
    }
    if (declared.size() > kMembersMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("'properties' has more than {} members", kMembersMax)};
    }
    std::vector<Member> all;
    for (const auto& [name, member] : declared) {
        const bool is_required = std::ranges::binary_search(required, name);
        if (member == Json(false) && !is_required) {
            continue;
        }
        const auto text = value(at.below("properties/" + name, {member}));
        if (!text) {
            return text.error();
        }
        all.push_back({
            .name = name,
            .text = builder_.sequence({pieces_.literal(name), pieces_.colon(), *text}),
            .is_required = is_required,
        });
    }
    return all;
}

// Required and optional members in their order, with commas between, then any number of others (-1: none).
ExpressionId SchemaCompiler::members_in_order(const std::vector<Member>& members, ExpressionId others) {
    const auto behind_comma = [&](ExpressionId one) { return builder_.sequence({pieces_.comma(), one}); };
    const bool has_others = others >= 0;
    const ExpressionId more_others =
        has_others ? builder_.repeat(behind_comma(builder_.rule("member", others)), 0, -1) : builder_.empty();
    const auto first_required = std::ranges::find_if(members, &Member::is_required) - members.begin();
    // Behind a member there is a comma before each. Up to the first that must be there, every member may be
    // the first of all: what follows it is a rule, since several ways lead to it.
    std::vector<ExpressionId> parts;
    for (auto i = first_required + 1; i < std::ssize(members); ++i) {
        const Member& member = members[static_cast<std::size_t>(i)];
        const ExpressionId text = behind_comma(member.text);
        parts.push_back(member.is_required ? text : builder_.optional(text));
    }
    parts.push_back(more_others);
    std::vector<ExpressionId> rest(members.size() + 1);
    ExpressionId next = builder_.rule("members", builder_.sequence(std::move(parts)));
    for (auto i = std::min(first_required, std::ssize(members) - 1); i >= 0; --i) {
        const Member& member = members[static_cast<std::size_t>(i)];
        rest[static_cast<std::size_t>(i) + 1] = next;
        const ExpressionId text = behind_comma(member.text);
        next = builder_.rule(
            "members", builder_.sequence({member.is_required ? text : builder_.optional(text), next})
        );
    }
    std::vector<ExpressionId> ways;
    for (std::ptrdiff_t i = 0; i < std::ssize(members) && i <= first_required; ++i) {
        const auto index = static_cast<std::size_t>(i);
        ways.push_back(builder_.sequence({members[index].text, rest[index + 1]}));
    }
    if (first_required == std::ssize(members)) {
        ways.push_back(builder_.empty());
        if (has_others) {
            ways.push_back(builder_.sequence({builder_.rule("member", others), more_others}));
        }
    }
    return builder_.choice(std::move(ways));
}

Result<ExpressionId> SchemaCompiler::name_other_than(const std::vector<std::string>& names) {
    constexpr std::size_t kNameBytesMax = 300;
    NameTree tree;
    for (const std::string& name : names) {
        if (name.size() > kNameBytesMax) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format("names beside 'additionalProperties' may have {} bytes", kNameBytesMax)
            };
        }
        tree.add(name);
    }
    return builder_.rule(
        "name",
        builder_.sequence({builder_.literal("\""), other_names(tree, builder_), builder_.literal("\"")})
    );
}

}  // namespace capstan::engine
