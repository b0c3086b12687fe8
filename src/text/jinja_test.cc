// Limits, hostile templates and messages; what templates give is in jinja_golden_test.cc.

#include "text/jinja.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "text/chat_template.h"

namespace capstan::text {
namespace {

Result<std::string> run(std::string_view source, RenderLimits limits = {}) {
    const auto parsed = Template::parse(source);
    return parsed ? render(
                        *parsed,
                        Json::object(
                            {{"items", Json::array({1, 2, 3})},
                             {"broken",
                              "a\xFF"
                              "b"}}
                        ),
                        limits
                    )
                  : parsed.error();
}

std::string message_of(std::string_view source) {
    const auto text = run(source);
    return text ? "no error: " + *text : text.error().message;
}

std::string repeated(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        out += text;
    }
    return out;
}

constexpr RenderLimits kFewSteps{.steps = 50'000};

TEST(Jinja, ErrorsNameTheirLine) {
    EXPECT_EQ(message_of("a\nb\n{{ missing.x }}"), "template: line 3: 'missing' is undefined");
    EXPECT_EQ(
        message_of("{% if true %}\n\n{{ raise_exception('No system role') }}{% endif %}"),
        "template: line 3: No system role"
    );
    EXPECT_EQ(message_of("x\n{% unknown %}"), "template: line 2: the block 'unknown' is not supported");
    EXPECT_EQ(message_of("{{ 1 +\n\n }}"), "template: line 3: expected an expression but found the end");
    EXPECT_EQ(message_of("\n{{ items | nope }}"), "template: line 2: no filter is called 'nope'");
    EXPECT_EQ(message_of("{% include 'x' %}"), "template: line 1: the block 'include' is not supported");
    EXPECT_EQ(message_of("\t{% raw"), "template: line 1: a tag is not closed by '%}'");
    EXPECT_EQ(message_of("{% raw %}x{% endraw"), "template: line 1: 'raw' is not closed by 'endraw'");
}

TEST(Jinja, EndlessWorkIsStopped) {
    const auto text =
        run("{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",
            kFewSteps);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::kTooLarge);
    EXPECT_NE(text.error().message.find("steps"), std::string::npos);
}

TEST(Jinja, OutputIsLimited) {
    const RenderLimits limits{.output_bytes = 1000};
    EXPECT_EQ(run(std::string(1000, 'x'), limits)->size(), 1000U);
    EXPECT_EQ(run(std::string(1001, 'x'), limits).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ 'x' * 1001 }}", limits).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ 'x' * 10000000000 }}", limits).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ ('x' * 900) | replace('x', 'yy') }}", limits).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ range(900) | join('xx') }}", limits).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ range(900) | list | tojson(indent=30) }}", limits).error().code, ErrorCode::kTooLarge);
}

TEST(Jinja, DoublingIsStopped) {
    const std::string text =
        "{% set ns = namespace(t='x') %}{% for i in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}";
    EXPECT_EQ(run(text, kFewSteps).error().code, ErrorCode::kTooLarge);
    const std::string list =
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}";
    EXPECT_EQ(run(list, kFewSteps).error().code, ErrorCode::kTooLarge);
}

TEST(Jinja, SharingDoesNotMultiplyWhatIsPrinted) {
    const std::string laughs =
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}";
    for (const std::string_view use :
         {"{{ ns.l }}",
          "{{ ns.l | tojson }}",
          "{{ ns.l == [ns.l] }}",
          "{{ ns.l ~ '' }}",
          "{{ [ns.l, ns.l] | sort }}"}) {
        EXPECT_EQ(run(laughs + std::string(use), kFewSteps).error().code, ErrorCode::kTooLarge) << use;
    }
}

TEST(Jinja, NestingIsLimitedEverywhere) {
    EXPECT_EQ(run(repeated("{% if true %}", 3000)).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(
        run("{{ " + repeated("(", 3000) + "1" + repeated(")", 3000) + " }}").error().code,
        ErrorCode::kTooLarge
    );
    EXPECT_EQ(
        run("{{ " + repeated("[", 3000) + repeated("]", 3000) + " }}").error().code, ErrorCode::kTooLarge
    );
    EXPECT_EQ(run("{{ " + repeated("-", 3000) + "1 }}").error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ 1" + repeated(" + 1", 3000) + " }}").error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ a" + repeated(".b", 3000) + " }}").error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ 1" + repeated(" | abs", 3000) + " }}").error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(run("{{ 1" + repeated(" if 1 else 1", 3000) + " }}").error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(*run("{{ " + repeated("not ", 3000) + "1 }}"), "True");  // Folded, so not nested.
    const std::string deep =
        "{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}";
    EXPECT_EQ(run(deep).error().code, ErrorCode::kTooLarge);
}

TEST(Jinja, RecursionIsLimited) {
    EXPECT_EQ(run("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").error().code, ErrorCode::kTooLarge);
}

TEST(Jinja, TemplatesAreLimitedInSize) {
    EXPECT_EQ(Template::parse(std::string((1 << 20) + 1, ' ')).error().code, ErrorCode::kTooLarge);
}

TEST(Jinja, NumbersDoNotOverflow) {
    for (const std::string_view source :
         {"{{ 9223372036854775807 + 1 }}",
          "{{ 9223372036854775807 * 2 }}",
          "{{ 3 ** 99 }}",
          "{{ 99999999999999999999 }}",
          "{{ (0 - 9223372036854775807 - 1) // -1 }}",
          "{{ -(0 - 9223372036854775807 - 1) }}"}) {
        EXPECT_FALSE(run(source)) << source;
    }
    EXPECT_EQ(
        *run("{{ (0 - 9223372036854775807 - 1) % -1 }} {{ (-1) ** 99999999999 }} {{ 1 ** 99999999999 }}"),
        "0 -1 1"
    );
}

TEST(Jinja, SortingTakesAnyOrder) {
    EXPECT_TRUE(run("{% set i = 1e308 * 10 %}{{ [1.0, i - i, 3.0, i - i, 2.0] | sort | length }}"));
}

TEST(Jinja, BrokenUtf8IsNoTrouble) {
    EXPECT_EQ(
        *run("{{ broken | length }} {{ broken[::-1] == 'b\xFF"
             "a' }} {{ broken | tojson }}"),
        "3 True \"a\uFFFDb\""
    );
}

TEST(Jinja, NamespacesMayHoldEachOther) {
    EXPECT_EQ(*run("{% set a = namespace() %}{% set a.me = a %}{{ a.me.me == a }}"), "True");
}

TEST(Jinja, LoopsOutliveTheirTurn) {
    EXPECT_EQ(
        *run("{% set ns = namespace() %}{% for i in items %}{% set ns.l = loop %}{% endfor %}{{ ns.l.index }}"
        ),
        "3"
    );
}

TEST(Jinja, StrftimeNowFormats) {
    const std::string year = *run("{{ strftime_now('%Y') }}");
    EXPECT_EQ(year.size(), 4U);
    EXPECT_GE(year, "2024");
}

TEST(ChatTemplate, RendersOurFormat) {
    const auto chat =
        ChatTemplate::parse(default_chat_template(), {.bos = "<|endoftext|>", .eos = "<|endoftext|>"});
    ASSERT_TRUE(chat) << chat.error().message;
    const Json messages = Json::array({
        Json::object({{"role", "user"}, {"content", "What does ls do?"}}),
        Json::object({{"role", "assistant"}, {"content", "It lists."}}),
        Json::object({{"role", "user"}, {"content", "Thanks"}}),
    });
    EXPECT_EQ(
        *chat->render(messages),
        "<|user|>\nWhat does ls do?<|end|>\n<|assistant|>\nIt "
        "lists.<|end|>\n<|user|>\nThanks<|end|>\n<|assistant|>\n"
    );
    EXPECT_TRUE(chat->render(messages, {.add_generation_prompt = false})->ends_with("Thanks<|end|>\n"));
}

TEST(ChatTemplate, TakesTheNamedTemplateForTools) {
    const Json config = Json::object({
        {"bos_token", Json::object({{"content", "<s>"}})},
        {"chat_template",
         Json::array({
             Json::object({{"name", "default"}, {"template", "{{ bos_token }}plain"}}),
             Json::object({{"name", "tool_use"}, {"template", "{{ tools | length }} tools, {{ extra }}"}}),
         })},
    });
    const auto chat = ChatTemplate::from_config(config);
    ASSERT_TRUE(chat) << chat.error().message;
    EXPECT_EQ(*chat->render(Json::array()), "<s>plain");
    const ChatOptions options{.tools = Json::array({1, 2}), .variables = Json::object({{"extra", "x"}})};
    EXPECT_EQ(*chat->render(Json::array(), options), "2 tools, x");
}

TEST(ChatTemplate, SaysWhatIsWrong) {
    EXPECT_EQ(ChatTemplate::from_config(Json::object()).error().code, ErrorCode::kNotFound);
    const auto broken = ChatTemplate::parse("{% if %}", {.bos = "", .eos = ""});
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("line 1"), std::string::npos) << broken.error().message;
    EXPECT_EQ(ChatTemplate::load("/no/such/folder").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace capstan::text
