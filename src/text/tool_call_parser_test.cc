#include "text/tool_call_parser.h"

#include <random>

#include <gtest/gtest.h>

namespace capstan::text {
namespace {

using Format = ToolCallFormat;

// "content|name(arguments)|…", joined: what an answer comes to when it arrives in pieces of `bytes`.
std::string shown(std::string_view answer, const ToolCallOptions& options, std::size_t bytes = 1000) {
    ToolCallParser parser(options);
    std::string content;
    std::vector<ToolCall> calls;
    const auto take = [&](const std::vector<ToolCallEvent>& events) {
        for (const ToolCallEvent& event : events) {
            if (event.kind == ToolCallEvent::Kind::kContent) {
                content += event.text;
            } else if (event.kind == ToolCallEvent::Kind::kCallBegin) {
                EXPECT_EQ(event.index, calls.size());
                calls.push_back({.name = event.text, .arguments = ""});
            } else {
                EXPECT_EQ(event.index + 1, calls.size());  // Never of a call that another has followed.
                calls[event.index].arguments += event.text;
            }
        }
    };
    for (std::size_t at = 0; at < answer.size(); at += bytes) {
        take(parser.push(answer.substr(at, bytes)));
    }
    take(parser.finish());
    EXPECT_EQ(parser.calls(), calls.size());
    for (const ToolCall& call : calls) {
        content += "|" + call.name + call.arguments;
    }
    return content;
}

struct Case {
    Format format;
    std::string answer;
    std::string expected;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {Format::kNone,
         "a <tool_call>{\"name\": \"f\"}</tool_call> ",
         "a <tool_call>{\"name\": \"f\"}</tool_call> "},
        {Format::kHermes,
         "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>",
         "Let me see.|f{\"a\": 1}"},
        {Format::kHermes,
         "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"g\"}</"
         "tool_call>\n",
         "|f{}|g{}"},
        {Format::kHermes,
         "<tool_call>{\"arguments\": {\"x\": [1, {\"y\": \"}\\\"\"}]}, \"name\": \"f\"}</tool_call> done",
         "done|f{\"x\": [1, {\"y\": \"}\\\"\"}]}"},
        {Format::kHermes,
         "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>",
         "|f{\"a\": 1}"},
        {Format::kHermes,
         "<tool_call>{\"name\": \"f\", \"arguments\": {\"t\": \"</tool_call>\"}}</tool_call>",
         "|f{\"t\": \"</tool_call>\"}"},
        {Format::kHermes,
         "<tool_call>{\"id\": 3, \"name\": \"\\u00e9\", \"arguments\": {}, \"why\": [1]}</tool_call>",
         "|é{}"},
        {Format::kHermes, "write <tool_call> so < t <tool_cal", "write <tool_call> so < t <tool_cal"},
        {Format::kHermes, "<tool_call>{\"name\": 3}</tool_call>", "<tool_call>{\"name\": 3}</tool_call>"},
        {Format::kHermes, "<tool_call>[1]</tool_call>  ", "<tool_call>[1]</tool_call>  "},
        {Format::kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": ", "|f{\"a\": "},
        {Format::kHermes, "<tool_call>{\"name\": \"f\"", "|f{}"},
        {Format::kHermes, "<tool_call>{\"na", "<tool_call>{\"na"},
        {Format::kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_", "|f{}"},
        {Format::kHermes, " just text \n", " just text \n"},
        {Format::kLlama3, "{\"name\": \"f\", \"parameters\": {\"q\": \"x\"}}", "|f{\"q\": \"x\"}"},
        {Format::kLlama3,
         " \n{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", "
         "\"parameters\": {}}",
         "|f{}|g{}"},
        {Format::kLlama3, "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": null}}", "|f{\"a\": null}"
        },
        {Format::kLlama3, "Yes. <|python_tag|>{\"name\": \"f\"}", "Yes.|f{}"},
        {Format::kLlama3, "<|python_tag|>print(1)", "<|python_tag|>print(1)"},
        {Format::kLlama3, "{\"name\": \"Bob\", \"age\": 3}", "{\"name\": \"Bob\", \"age\": 3}"},
        {Format::kLlama3, "{\"name\": \"Bob\"}", "{\"name\": \"Bob\"}"},
        {Format::kLlama3,
         "{\"name\": \"no_tool\", \"parameters\": {}}",
         "{\"name\": \"no_tool\", \"parameters\": {}}"},
        {Format::kLlama3,
         "The answer: {\"name\": \"f\", \"parameters\": {}}",
         "The answer: {\"name\": \"f\", \"parameters\": {}}"},
        {Format::kMistral,
         "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", \"arguments\": {}}]",
         "|f{\"a\": 1}|g{}"},
        {Format::kMistral, "[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[CALL_ID]x9[ARGS]{}", "|f{\"a\": 1}|g{}"
        },
        {Format::kMistral, "ok[TOOL_CALLS]f{\"a\": {}}", "ok|f{\"a\": {}}"},
        {Format::kMistral, "[TOOL_CALLS][]", "[TOOL_CALLS][]"},
        {Format::kMistral, "see [1] and [TOOL", "see [1] and [TOOL"},
        {Format::kPhi, "<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]<|/tool_call|>", "|f{}"},
        {Format::kJson,
         "[{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\", \"parameters\": {}}]",
         "|f{}|g{}"},
        {Format::kJson, "{\"name\": \"f\", \"arguments\": {}}\nthat is all", "that is all|f{}"},
        {Format::kJson, "[1, 2]", "[1, 2]"},
        {Format::kJson, "{}", "{}"},
    };
    return all;
}

TEST(ToolCallParser, TellsCallsFromContentHoweverTheAnswerArrives) {
    for (const Case& c : cases()) {
        for (const std::size_t bytes : {1000U, 1U, 2U, 3U, 7U, 13U}) {
            EXPECT_EQ(shown(c.answer, {.format = c.format, .names = {"f", "g"}}, bytes), c.expected)
                << c.answer << " in pieces of " << bytes;
        }
    }
}

TEST(ToolCallParser, ArgumentsComeAsTheyAreWritten) {
    ToolCallParser parser({.format = Format::kHermes});
    EXPECT_TRUE(parser.push("<tool_call>{\"name\": \"f").empty());
    const auto begun = parser.push("oo\", ");
    ASSERT_EQ(begun.size(), 1U);
    EXPECT_EQ(begun[0], (ToolCallEvent{.kind = ToolCallEvent::Kind::kCallBegin, .index = 0, .text = "foo"}));
    EXPECT_TRUE(parser.push("\"arguments\":").empty());
    EXPECT_EQ(parser.push(" {\"a").back().text, "{\"a");
    EXPECT_EQ(parser.push("\": \"b").back().text, "\": \"b");
}

TEST(ToolCallParser, ContentIsNotHeldBackLongerThanNeeded) {
    ToolCallParser parser({.format = Format::kHermes});
    EXPECT_EQ(parser.push("Hello").back().text, "Hello");
    EXPECT_TRUE(parser.push(" ").empty());
    EXPECT_EQ(parser.push("world <").back().text, " world");
    EXPECT_EQ(parser.push("b> it").back().text, " <b> it");
}

TEST(ToolCallParser, LongHeldBackTextBecomesContent) {
    const std::string answer = "<tool_call>{\"" + std::string(10'000, 'x');
    EXPECT_EQ(shown(answer, {.format = Format::kHermes}, 100), answer);
    const std::string name = "[TOOL_CALLS]" + std::string(10'000, 'x');
    EXPECT_EQ(shown(name, {.format = Format::kMistral}, 100), name);
    const std::string deep = "{\"name\": \"f\", \"parameters\": " + std::string(1'000, '[');
    EXPECT_NE(shown(deep, {.format = Format::kLlama3}, 100).find("|f["), std::string::npos);
}

TEST(ToolCallParser, PiecesOfRandomAnswersComeToTheSame) {
    std::mt19937 random(7);
    const std::vector<std::string> parts = {
        "<tool_call>",
        "</tool_call>",
        "[TOOL_CALLS]",
        "<|python_tag|>",
        "{\"name\": \"f\", ",
        "\"arguments\": ",
        "{}",
        "}",
        "{",
        "[",
        "]",
        ",",
        "\"",
        "\\",
        "name",
        " ",
        "\n",
        "é",
        "1",
        ":",
        "<",
        "\"parameters\": {\"a\": [1, \"x\"]}}"
    };
    for (int round = 0; round < 3'000; ++round) {
        std::string answer;
        for (std::size_t i = 0; i < 1 + random() % 12; ++i) {
            answer += parts[random() % parts.size()];
        }
        const auto format = static_cast<Format>(random() % 6);
        const std::string whole = shown(answer, {.format = format});
        EXPECT_EQ(shown(answer, {.format = format}, 1), whole) << answer;
        EXPECT_EQ(shown(answer, {.format = format}, 1 + random() % 9), whole) << answer;
    }
}

TEST(ToolCallFormat, IsSeenByTheTemplatesMarks) {
    EXPECT_EQ(tool_call_format_of("{% if tools %}<tool_call>{% endif %}"), Format::kHermes);
    EXPECT_EQ(tool_call_format_of("[AVAILABLE_TOOLS] [TOOL_CALLS]"), Format::kMistral);
    EXPECT_EQ(tool_call_format_of("{% if tools %}<|python_tag|>"), Format::kLlama3);
    EXPECT_EQ(tool_call_format_of("<|start_header_id|>{{ tools }}"), Format::kLlama3);
    EXPECT_EQ(tool_call_format_of("{{ tools | tojson }}"), Format::kJson);
    EXPECT_EQ(tool_call_format_of("{{ messages }}"), Format::kNone);
    EXPECT_EQ(tool_call_format_named("qwen"), Format::kHermes);
    EXPECT_EQ(tool_call_format_named("morse"), std::nullopt);
}

}  // namespace
}  // namespace capstan::text
