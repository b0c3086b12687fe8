// What a model may write when it may call tools.

#include "engine/grammar/tool_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "engine/grammar/automaton.h"
#include "engine/grammar/configurations.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;
using text::ToolCallFormat;

const std::vector<llm::Tool> kTools = {
    {.name = "weather",
     .parameters =
         R"({"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}}, "required": ["city"],
                       "$defs": {"city": {"enum": ["Rome", "Oslo"]}}})",
     .is_strict = true},
    {.name = "clock", .parameters = R"({"not": {}})", .is_strict = false},
};

bool takes(const ToolGrammarOptions& options, std::string_view text) {
    const auto grammar = tool_call_grammar(options);
    CHECK(grammar, grammar.error().message);
    const auto automaton = build_automaton(*grammar);
    CHECK(automaton, automaton.error().message);
    Configurations configurations(*automaton, 20);
    ConfigurationId at = configurations.start();
    for (const char c : text) {
        at = configurations.step(at, static_cast<std::uint8_t>(c));
    }
    return configurations.accepts(at);
}

bool takes(ToolCallFormat format, bool must_call, std::string_view text) {
    return takes({.tools = kTools, .format = format, .must_call = must_call}, text);
}

TEST(ToolGrammar, HoldsTheArgumentsOfStrictToolsOnceAMarkOpensACall) {
    const auto hermes = [](std::string_view text) { return takes(ToolCallFormat::kHermes, false, text); };
    EXPECT_TRUE(hermes(""));
    EXPECT_TRUE(hermes("Just text with <tool and <<tool_ca in it."));
    EXPECT_TRUE(hermes(R"(See: <tool_call>
{"name": "weather", "arguments": {"city": "Rome"}}
</tool_call>
<tool_call>{"name":"clock","arguments":{"any":[1]}}</tool_call> done)"));
    EXPECT_TRUE(hermes(R"(<<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>)"));
    EXPECT_FALSE(hermes(R"(<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>)"));
    EXPECT_FALSE(hermes(R"(<tool_call>{"name": "unknown", "arguments": {}}</tool_call>)"));
    EXPECT_FALSE(hermes("text <tool_call> more text"));
    EXPECT_FALSE(hermes("<<<tool_call>"));
}

TEST(ToolGrammar, WhoMustCallWritesNothingElse) {
    EXPECT_FALSE(takes(ToolCallFormat::kHermes, true, ""));
    EXPECT_FALSE(takes(ToolCallFormat::kHermes, true, "text"));
    EXPECT_TRUE(
        takes(ToolCallFormat::kHermes, true, R"(<tool_call>{"name": "clock", "arguments": {}}</tool_call>)")
    );
    EXPECT_TRUE(takes(
        ToolCallFormat::kMistral,
        true,
        R"([TOOL_CALLS] [{"name": "clock", "arguments": {}}, {"name": "weather", "arguments": {"city": "Oslo"}}])"
    ));
    EXPECT_TRUE(takes(
        ToolCallFormat::kPhi, true, R"(<|tool_call|>[{"name": "clock", "arguments": {}}]<|/tool_call|>)"
    ));
    EXPECT_TRUE(takes(ToolCallFormat::kLlama3, true, R"({"name": "weather", "parameters": {"city": "Oslo"}})")
    );
    EXPECT_TRUE(takes(ToolCallFormat::kLlama3, true, R"(<|python_tag|>{"name": "clock", "parameters": {}})"));
    EXPECT_TRUE(takes(ToolCallFormat::kJson, true, R"([{"name": "clock", "arguments": {}}])"));
}

TEST(ToolGrammar, WhereOneCallIsAllowedNothingFollowsIt) {
    const auto one = [](ToolCallFormat format, std::string_view text) {
        return takes({.tools = kTools, .format = format, .has_parallel_calls = false}, text);
    };
    const std::string call = R"(<tool_call>{"name": "clock", "arguments": {}}</tool_call>)";
    EXPECT_TRUE(one(ToolCallFormat::kHermes, "Only text."));
    EXPECT_TRUE(one(ToolCallFormat::kHermes, "See: " + call));
    EXPECT_FALSE(one(ToolCallFormat::kHermes, call + call));
    EXPECT_FALSE(one(ToolCallFormat::kHermes, call + " done"));
    const std::string object = R"({"name": "clock", "arguments": {}})";
    EXPECT_TRUE(one(ToolCallFormat::kJson, "[" + object + "]"));
    EXPECT_FALSE(one(ToolCallFormat::kJson, "[" + object + ", " + object + "]"));
    EXPECT_FALSE(one(ToolCallFormat::kMistral, "[TOOL_CALLS]clock[ARGS]{}[TOOL_CALLS]clock[ARGS]{}"));
}

TEST(ToolGrammar, KnowsBothWaysOfMistral) {
    const auto mistral = [](std::string_view text) { return takes(ToolCallFormat::kMistral, false, text); };
    EXPECT_TRUE(mistral(R"(Well: [TOOL_CALLS]weather[ARGS]{"city": "Rome"}[TOOL_CALLS]clock[ARGS]{})"));
    EXPECT_FALSE(mistral(R"([TOOL_CALLS]weather[ARGS]{"city": "Paris"})"));
    EXPECT_FALSE(mistral("[TOOL_CALLS]unknown[ARGS]{}"));
}

TEST(ToolGrammar, WithoutAMarkAnAnswerThatBeginsAsJsonIsACall) {
    const auto llama = [](std::string_view text) { return takes(ToolCallFormat::kLlama3, false, text); };
    EXPECT_TRUE(llama("It is {warm}."));
    EXPECT_TRUE(llama(R"({"name": "weather", "parameters": {"city": "Rome"}})"));
    EXPECT_FALSE(llama(R"({"name": "weather", "parameters": {"city": "Paris"}})"));
    EXPECT_FALSE(llama("{warm}"));
}

TEST(ToolGrammar, NamesTheToolWhoseSchemaCannotBeHeld) {
    const std::vector<llm::Tool> tools = {{.name = "odd", .parameters = R"({"not": {}})", .is_strict = true}};
    const auto refused = tool_call_grammar({.tools = tools, .format = ToolCallFormat::kHermes});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("tool 'odd': JSON schema at #: 'not'"));
    EXPECT_FALSE(tool_call_grammar({.tools = tools, .format = ToolCallFormat::kNone}));
}

}  // namespace
}  // namespace capstan::engine
