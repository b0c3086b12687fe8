// Random ways through the grammars of schemas give JSON that fits them; texts that do not fit are refused.

#include "engine/grammar/json_schema.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "engine/grammar/compiled_grammar.h"
#include "engine/grammar/grammar_compiler.h"
#include "engine/grammar/schema_twin.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// All bytes, pieces of JSON, and an end.
std::shared_ptr<const TokenTrie> json_trie() {
    static const auto trie = [] {
        TokenBytes tokens = {.texts = {""}, .end_tokens = {0}};
        for (int byte = 0; byte < 256; ++byte) {
            tokens.texts.emplace_back(1, static_cast<char>(byte));
        }
        for (const char* text :
             {"\"",   "\": ", "\":",    "\",",    "\", \"", "{\"",   "\"}",  "}}", "]}",   "},",  "},{",
              "[\"",  "\"]",  "[]",     "{}",     "true",   "false", "null", "12", "345",  "-1",  "0.",
              ".5",   "e+",   "name",   "kind",   "value",  "\n  ",  ", ",   ": ", "\\\"", "\\u", "é",
              "日本", "ab",   "circle", "square", "00",     "999",   "2024", "-0"}) {
            tokens.texts.emplace_back(text);
        }
        return std::make_shared<const TokenTrie>(std::move(tokens));
    }();
    return trie;
}

Result<std::shared_ptr<const CompiledGrammar>> compile(std::string_view schema) {
    const auto grammar = parse_json_schema(schema);
    return grammar ? compile_grammar(*grammar, json_trie()) : grammar.error();
}

// Whether the grammar takes the whole text.
bool takes(std::string_view schema, std::string_view text) {
    const auto compiled = compile(schema);
    CHECK(compiled, compiled.error().message);
    const auto constraint = (*compiled)->start();
    for (const char c : text) {
        if (!constraint->accept(1 + static_cast<unsigned char>(c))) {
            return false;
        }
    }
    return constraint->may_end();
}

std::string refusal(std::string_view schema) {
    const auto compiled = compile(schema);
    return compiled ? "" : compiled.error().message;
}

// A random answer; closing tokens come more often than others, so that it ends.
std::string random_answer(TokenConstraint& constraint, std::mt19937& random) {
    std::string text;
    for (int step = 0; step < 4000 && !constraint.must_end(); ++step) {
        const auto allowed = constraint.allowed();
        CHECK(allowed, allowed.error().message);
        std::vector<llm::TokenId> closing;
        for (const auto token : (*allowed)->tokens) {
            const std::string_view bytes = json_trie()->text_of(token);
            if (token == 0 || bytes.find_first_of("\"]}") != std::string_view::npos) {
                closing.push_back(token);
            }
        }
        const auto& from = !closing.empty() && random() % 3 != 0 ? closing : (*allowed)->tokens;
        const auto token = from[random() % from.size()];
        CHECK(constraint.accept(token), "what is allowed is accepted");
        if (token == 0) {
            return text;
        }
        text += json_trie()->text_of(token);
    }
    CHECK(constraint.may_end(), "it ends: " + text);
    return text;
}

const char* const kSchemas[] = {
    R"({"type": "object"})",
    R"({"type": "array"})",
    R"(true)",
    R"({"type": "string"})",
    R"({"type": "integer"})",
    R"({"type": "number"})",
    R"({"type": ["string", "null", "integer"]})",
    R"({"enum": ["red", "green", 3, null, true, {"a": [1, "x"]}]})",
    R"({"const": "line\nend \"quoted\""})",
    R"({"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "integer"}},
        "required": ["name", "value"], "additionalProperties": false})",
    R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}, "c": {"type": "boolean"}}})",
    R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}, "c": {"type": "boolean"}},
        "required": ["b"]})",
    R"({"type": "object", "properties": {"a": {"type": "integer"}, "ab": {"type": "null"}}, "required": ["ab"],
        "additionalProperties": {"type": "string", "maxLength": 3}})",
    R"({"type": "object", "properties": {"a": false, "b": {"const": 1}}, "additionalProperties": {"const": 2}})",
    R"({"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1, "maxProperties": 3})",
    R"({"type": "object", "propertyNames": {"pattern": "^[a-z]{1,4}$"}, "additionalProperties": {"type": "integer"}})",
    R"({"type": "object", "required": ["x", "y"]})",
    R"({"type": "array", "items": {"type": "integer", "minimum": -5, "maximum": 120}, "minItems": 2, "maxItems": 5})",
    R"({"type": "array", "items": {"type": "string"}, "maxItems": 200, "minItems": 30})",
    R"({"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": {"type": "boolean"}, "minItems": 1})",
    R"({"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": false})",
    R"({"type": "array", "prefixItems": [{"const": 1}], "minItems": 3, "maxItems": 4})",
    R"({"type": "string", "minLength": 3, "maxLength": 60})",
    R"({"type": "string", "minLength": 2})",
    R"({"type": "string", "pattern": "^[A-Z][a-z]{2,5}(-[0-9]+)?$"})",
    R"({"type": "string", "pattern": "[0-9]{3}"})",
    R"({"type": "string", "pattern": "^(\"|\\\\|\\n){1,9}$"})",
    R"({"type": "integer", "minimum": 17})",
    R"({"type": "integer", "maximum": -3})",
    R"({"type": "integer", "exclusiveMinimum": 0, "maximum": 9223372036854775807})",
    R"({"type": "integer", "minimum": 2.5, "exclusiveMaximum": 1000})",
    R"({"type": "number", "minimum": 0, "maximum": 1})",
    R"({"type": "number", "exclusiveMinimum": -0.25, "exclusiveMaximum": 12.125})",
    R"({"type": "number", "minimum": -1234.5})",
    R"({"type": "number", "minimum": 1e-7, "maximum": 0.001})",
    R"({"type": "number", "multipleOf": 0.01, "minimum": 0})",
    R"({"anyOf": [{"type": "integer"}, {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]}]})",
    R"({"oneOf": [
          {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
          {"type": "object", "properties": {"kind": {"const": "square"}, "a": {"type": "number"}}, "required": ["kind"]}]})",
    R"({"allOf": [{"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]},
                  {"properties": {"a": {"maximum": 30}, "b": {"type": "string"}}, "required": ["b"]}]})",
    R"({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}, {"type": "number"}]})",
    R"({"type": "object", "properties": {"k": {"enum": ["a", "b"]}}, "required": ["k"],
        "anyOf": [{"properties": {"x": {"type": "integer"}}, "required": ["x"]}, {"properties": {"y": {"type": "null"}}, "required": ["y"]}]})",
    R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"],
        "additionalProperties": false}}})",
    R"({"type": "array", "items": {"$ref": "#"}})",
    R"({"type": "object", "properties": {"a": {"$ref": "#/definitions/s", "description": "x"}, "b": {"$ref": "#/definitions/s",
        "enum": ["p"]}}, "required": ["a", "b"], "definitions": {"s": {"type": "string"}}})",
    R"({"type": "string", "nullable": true, "maxLength": 2})",
    R"({"properties": {"é\"": {"type": "integer"}}, "required": ["é\""]})",
};

TEST(JsonSchema, RandomAnswersFitTheSchema) {
    std::mt19937 random(11);
    for (const std::string_view text : kSchemas) {
        SCOPED_TRACE(text);
        const auto compiled = compile(text);
        ASSERT_TRUE(compiled) << compiled.error().message;
        const Json schema = *parse_json(text);
        for (int i = 0; i < 25; ++i) {
            const auto constraint = (*compiled)->start();
            const std::string answer = random_answer(*constraint, random);
            const auto value = parse_json(answer, 4000);
            if (!value && value.error().message.find("repeated") != std::string::npos) {
                continue;  // A name of other members came twice.
            }
            ASSERT_TRUE(value) << answer << ": " << value.error().message;
            ASSERT_TRUE(SchemaTwin(schema).fits(*value)) << answer;
        }
    }
}

struct Case {
    const char* schema;
    const char* text;
    bool is_taken;
};

TEST(JsonSchema, TakesWhatFitsAndRefusesWhatDoesNot) {
    const Case cases[] = {
        {R"({"type": "object"})", R"({"a": [1, {"b": null}], "c": "\u00e9\ud83d\ude00"})", true},
        {R"({"type": "object"})", R"({"a": "\ud83d"})", false},
        {R"({"type": "object"})", "{\n    \"a\": -0.5e-7\n}", true},
        {R"({"type": "object"})", R"({"a": 01})", false},
        {R"({"type": "object"})", R"({"a":  1})", false},  // Two spaces.
        {R"({"type": "object"})", R"({"a": 1,})", false},
        {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}})",
         R"({"b": null})",
         true},
        {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}})",
         R"({})",
         true},
        {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}})",
         R"({"c": 1})",
         false},
        {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}})",
         R"({"b": null, "a": 1})",
         false},
        {R"({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": true})",
         R"({"a": null, "b": [2]})",
         true},
        {R"({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": true})",
         R"({"a": null, "a": 3})",
         false},
        {R"({"type": "object", "properties": {"a": false}, "additionalProperties": true})",
         R"({"a": 1})",
         false},
        {R"({"type": "integer", "minimum": 17, "maximum": 1703})", "16", false},
        {R"({"type": "integer", "minimum": 17, "maximum": 1703})", "17", true},
        {R"({"type": "integer", "minimum": 17, "maximum": 1703})", "99", true},
        {R"({"type": "integer", "minimum": 17, "maximum": 1703})", "1703", true},
        {R"({"type": "integer", "minimum": 17, "maximum": 1703})", "1704", false},
        {R"({"type": "integer", "minimum": -17, "maximum": 3})", "-17", true},
        {R"({"type": "integer", "minimum": -17, "maximum": 3})", "-18", false},
        {R"({"type": "integer", "minimum": -17, "maximum": 3})", "0", true},
        {R"({"type": "integer", "minimum": -17, "maximum": 3})", "4", false},
        {R"({"type": "number", "minimum": 0.5, "exclusiveMaximum": 2})", "0.5", true},
        {R"({"type": "number", "minimum": 0.5, "exclusiveMaximum": 2})", "0.50", true},
        {R"({"type": "number", "minimum": 0.5, "exclusiveMaximum": 2})", "0.49", false},
        {R"({"type": "number", "minimum": 0.5, "exclusiveMaximum": 2})", "1.999", true},
        {R"({"type": "number", "minimum": 0.5, "exclusiveMaximum": 2})", "2", false},
        {R"({"type": "number", "minimum": 0.5, "exclusiveMaximum": 2})", "2.0", false},
        {R"({"type": "number", "exclusiveMinimum": 0.5})", "0.5", false},
        {R"({"type": "number", "exclusiveMinimum": 0.5})", "0.5001", true},
        {R"({"type": "number", "exclusiveMinimum": 0.5})", "123456.75", true},
        {R"({"type": "string", "format": "date"})", R"("2024-02-28")", true},
        {R"({"type": "string", "format": "date"})", R"("2024-13-01")", false},
        {R"({"type": "string", "format": "date-time"})", R"("2024-12-31T23:59:59.5+01:00")", true},
        {R"({"type": "string", "format": "uuid"})", R"("123e4567-e89b-12d3-a456-426614174000")", true},
        {R"({"type": "string", "format": "ipv4"})", R"("192.168.0.255")", true},
        {R"({"type": "string", "format": "ipv4"})", R"("192.168.0.256")", false},
        {R"({"type": "string", "format": "ipv6"})", R"("2001:db8::1")", true},
        {R"({"type": "string", "format": "email"})", R"("a.b+c@example.org")", true},
        {R"({"type": "string", "format": "email"})", R"("a@b@c")", false},
        {R"({"type": "string", "maxLength": 3})", R"("日本\n")", true},
        {R"({"type": "string", "maxLength": 3})", R"("日本ab")", false},
        {R"({"type": "array", "items": false})", "[]", true},
        {R"({"type": "array", "items": false})", "[1]", false},
        {R"({"type": "array", "maxItems": 0})", "[]", true},
        {R"({"oneOf": [{"type": "string"}, {"type": "integer"}]})", "5", true},
    };
    for (const Case& one : cases) {
        EXPECT_EQ(takes(one.schema, one.text), one.is_taken) << one.schema << " " << one.text;
    }
}

TEST(JsonSchema, WhatCannotBeEnforcedIsRefusedByName) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"not": {"type": "string"}})", "'not'"},
        {R"({"type": "object", "properties": {"a": {"if": true}}})", "#/properties/a: 'if'"},
        {R"({"type": "array", "uniqueItems": true})", "'uniqueItems'"},
        {R"({"type": "object", "patternProperties": {}})", "'patternProperties'"},
        {R"({"type": "integer", "multipleOf": 3})", "'multipleOf' of 3"},
        {R"({"type": "string", "format": "color"})", "'format' of 'color'"},
        {R"({"type": "string", "pattern": "a", "minLength": 2})", "only one of"},
        {R"x({"type": "string", "pattern": "(?=a)"})x", "look-around"},
        {R"({"type": "string", "pattern": "\\bword"})", "'\\b'"},
        {R"({"type": "thing"})", "'type'"},
        {R"({"$ref": "other.json"})", "'$ref'"},
        {R"({"$ref": "#/$defs/none"})", "no such place"},
        {R"({"$ref": "#"})", "no text at all"},
        {R"({"anyOf": [{"$ref": "#"}, {"type": "string"}]})", "begins with itself"},
        {R"({"allOf": [{"$ref": "#"}, {"type": "string"}]})", "too many"},
        {R"({"oneOf": [{"type": "string"}, {"maxLength": 3}]})", "'oneOf'"},
        {R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", "'oneOf'"},
        {R"({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"], "additionalProperties": false})",
         "no text at all"},
        {R"({"type": "string", "minLength": 4, "maxLength": 3})", "no text at all"},
        {R"({"type": "object", "properties": {"n": {"$ref": "#"}}, "required": ["n"]})", "no text at all"},
        {R"({"allOf": [{"type": "string"}, {"type": "null"}]})", "no text at all"},
        {R"(false)", "no text at all"},
        {R"({"type": "object", "colour": "red"})", "'colour'"},
        {R"([1])", "a schema must be"},
        {R"({)", "JSON schema"},
    };
    for (const auto& [schema, message] : cases) {
        EXPECT_THAT(refusal(schema), HasSubstr(message)) << schema;
    }
    EXPECT_THAT(refusal(R"({"type": "string", "title": "t", "x-order": 3, "default": 4})"), IsEmpty());
}

TEST(JsonSchema, HostileSchemasEndSoon) {
    // Alternatives within "allOf" multiply.
    std::string product = R"({"allOf": [)";
    for (int i = 0; i < 40; ++i) {
        product += R"({"anyOf": [{"minimum": 1}, {"maximum": 5}]},)";
    }
    product.back() = ']';
    EXPECT_THAT(refusal(product + "}"), HasSubstr("too many"));
    std::string deep;
    for (int i = 0; i < 100; ++i) {
        deep += R"({"items":)";
    }
    EXPECT_THAT(refusal(deep + "true" + std::string(100, '}')), HasSubstr("too many"));
    std::string wide = R"({"type": "object", "properties": {)";
    for (int i = 0; i < 1500; ++i) {
        wide += "\"p" + std::to_string(i) + R"(": {"type": "string", "maxLength": 500},)";
    }
    wide.back() = '}';
    EXPECT_THAT(refusal(wide + "}"), IsEmpty());
    EXPECT_THAT(refusal(std::string(kSchemaBytesMax + 1, ' ')), HasSubstr("at most"));
}

TEST(GrammarCompiler, KeepsWhatItMade) {
    GrammarCache cache;
    GrammarCompiler compiler({.texts = {"", "yes", "no", "n", "o", "{", "}"}, .end_tokens = {0}}, cache);
    using Kind = llm::Constraint::Kind;
    EXPECT_EQ(*compiler.compile({}), nullptr);
    const llm::Constraint choice = {.kind = Kind::kChoice, .choices = {"yes", "no"}};
    const auto first = compiler.compile(choice);
    ASSERT_TRUE(first);
    EXPECT_EQ(*compiler.compile(choice), *first);
    EXPECT_NE(*compiler.compile({.kind = Kind::kChoice, .choices = {"yes"}}), *first);
    EXPECT_EQ((*(*first)->start()->allowed())->tokens, (std::vector<llm::TokenId>{1, 2, 3}));
    EXPECT_TRUE(compiler.compile({.kind = Kind::kJsonObject}));
    EXPECT_TRUE(compiler.compile({.kind = Kind::kRegex, .text = "n+o?"}));
    EXPECT_TRUE(compiler.compile({.kind = Kind::kGrammar, .text = "root ::= 'no'"}));
    EXPECT_TRUE(compiler.compile({.kind = Kind::kJsonSchema, .text = "{}"}));
    EXPECT_FALSE(compiler.compile({.kind = Kind::kChoice}));
    EXPECT_FALSE(compiler.compile({.kind = Kind::kRegex, .text = "("}));
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(compiler.compile({.kind = Kind::kRegex, .text = "n{" + std::to_string(i) + "}"}));
    }
    EXPECT_NE(*compiler.compile(choice), *first);  // Too long ago.
}

}  // namespace
}  // namespace capstan::engine
