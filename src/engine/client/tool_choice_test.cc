#include "engine/client/tool_choice.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace capstan::engine {
namespace {

using Kind = llm::ToolChoice::Kind;
using text::ToolCallFormat;

llm::GenerateRequest request(Kind kind) {
    return {
        .tools =
            {{.name = "add", .parameters = R"({"type":"object","$defs":{"n":{"type":"number"}}})"},
             {.name = "now"}},
        .tool_choice = {.kind = kind, .name = "add"}
    };
}

TEST(ToolChoice, LeavesTheAnswerFreeWhenNothingMustBeCalled) {
    for (const Kind kind : {Kind::kAuto, Kind::kNone}) {
        auto asked = request(kind);
        EXPECT_EQ(constraint_of(asked)->kind, llm::Constraint::Kind::kNone);
        asked.constraint.kind = llm::Constraint::Kind::kJsonObject;
        EXPECT_EQ(constraint_of(asked)->kind, llm::Constraint::Kind::kJsonObject);
    }
}

TEST(ToolChoice, ANamedToolMeansItsArguments) {
    const auto asked = constraint_of(request(Kind::kNamed));
    EXPECT_EQ(asked->text, request(Kind::kNamed).tools[0].parameters);
    auto both = request(Kind::kNamed);
    both.constraint.kind = llm::Constraint::Kind::kJsonObject;
    EXPECT_EQ(constraint_of(both).error().code, ErrorCode::kInvalid);
}

TEST(ToolChoice, AnyToolMeansAListOfCalls) {
    const Json schema = parse_json(constraint_of(request(Kind::kRequired))->text).value();
    EXPECT_EQ(schema.int_or("minItems", 0), 1);
    EXPECT_FALSE(schema.contains("maxItems"));
    EXPECT_EQ(schema["$defs"]["n"].string_or("type", ""), "number") << "references name it from the root";
    const auto& calls = *schema["items"]["anyOf"].as_array();
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[1]["properties"]["name"].string_or("const", ""), "now");
    EXPECT_EQ(calls[1]["properties"]["arguments"].string_or("type", ""), "object");
}

TEST(ToolChoice, OneCallIsAListOfOne) {
    auto asked = request(Kind::kRequired);
    asked.parallel_tool_calls = false;
    const Json schema = parse_json(constraint_of(asked)->text).value();
    EXPECT_EQ(schema.int_or("maxItems", 0), 1);
}

TEST(ToolChoice, FreeCallsAreHeldWhenSomeToolIsStrict) {
    auto asked = request(Kind::kAuto);
    EXPECT_FALSE(holds_free_calls(asked));
    asked.tools[1].is_strict = true;
    EXPECT_TRUE(holds_free_calls(asked));
    asked.tool_choice.kind = Kind::kNone;
    EXPECT_FALSE(holds_free_calls(asked));
    asked.tool_choice.kind = Kind::kAuto;
    asked.constraint.kind = llm::Constraint::Kind::kJsonObject;
    EXPECT_FALSE(holds_free_calls(asked)) << "the answer is what was asked for";
}

TEST(ToolChoice, RefusesToolsThatTheModelCannotBeToldOf) {
    EXPECT_FALSE(tool_format_of(request(Kind::kAuto), ToolCallFormat::kNone));
    EXPECT_EQ(*tool_format_of(request(Kind::kNone), ToolCallFormat::kNone), ToolCallFormat::kNone);
    EXPECT_EQ(*tool_format_of(request(Kind::kAuto), ToolCallFormat::kHermes), ToolCallFormat::kHermes);
    EXPECT_EQ(*tool_format_of(request(Kind::kRequired), ToolCallFormat::kHermes), ToolCallFormat::kJson);
}

}  // namespace
}  // namespace capstan::engine
