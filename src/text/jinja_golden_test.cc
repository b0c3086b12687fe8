// Equality with Jinja itself, by the file that tests/golden/text/make_template_goldens.py wrote.

#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "text/chat_template.h"
#include "text/jinja.h"

namespace capstan::text {
namespace {

class JinjaGolden : public testing::Test {
protected:
    void SetUp() override {
        const auto text = read_file(source_directory() / "tests/golden/text/templates.json");
        ASSERT_TRUE(text) << text.error().message;
        auto json = parse_json(*text);
        ASSERT_TRUE(json) << json.error().message;
        golden_ = std::move(*json);
    }

    static Result<std::string> run(std::string_view source, const Json& context) {
        const auto parsed = Template::parse(source);
        return parsed ? render(*parsed, context) : parsed.error();
    }

    Json golden_;
};

TEST_F(JinjaGolden, RendersConversationsAlike) {
    const Json::Array& contexts = *golden_["contexts"].as_array();
    for (const Json& row : *golden_["conversations"].as_array()) {
        const std::string family = row.string_or("family", "");
        const Json& context = contexts[static_cast<std::size_t>(row.int_or("context", 0))];
        const auto text = run(*golden_["families"][family].as_string(), context);
        if (row.contains("error")) {
            EXPECT_FALSE(text) << family << ' ' << context.dump();
        } else {
            ASSERT_TRUE(text) << family << ": " << text.error().message << context.dump();
            EXPECT_EQ(*text, row.string_or("text", "")) << family << ' ' << context.dump();
        }
    }
}

TEST_F(JinjaGolden, RendersEachFeatureAlike) {
    for (const Json& row : *golden_["snippets"].as_array()) {
        const std::string source = row.string_or("source", "");
        const auto text = run(source, golden_["context"]);
        if (text) {
            EXPECT_EQ(*text, row.string_or("text", "")) << source;
        } else {
            ADD_FAILURE() << source << ": " << text.error().message;
        }
    }
}

TEST_F(JinjaGolden, RefusesWhatJinjaRefuses) {
    for (const Json& source : *golden_["errors"].as_array()) {
        const auto text = run(*source.as_string(), golden_["context"]);
        EXPECT_FALSE(text) << *source.as_string() << " gives " << *text;
        if (!text) {
            EXPECT_NE(text.error().message.find("line 1: "), std::string::npos) << text.error().message;
        }
    }
}

TEST_F(JinjaGolden, OurOwnTemplateIsTheDefault) {
    EXPECT_EQ(default_chat_template(), *golden_["families"]["ours"].as_string());
}

}  // namespace
}  // namespace capstan::text
