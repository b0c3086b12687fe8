// What comes of tokens: text, scores, calls of tools.

#include "engine/client/local_answer.h"

#include <string>

#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/files/model_text.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

class LocalAnswerTest : public testing::Test {
protected:
    void SetUp() override {
        const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
        ASSERT_TRUE(write_random_model(folder, {}));
        auto tokenizer = load_tokenizer(folder);
        ASSERT_TRUE(tokenizer) << tokenizer.error().message;
        tokenizer_.emplace(std::move(*tokenizer));
        std::filesystem::remove_all(folder);
    }

    LocalAnswer answer(const llm::GenerateRequest& request, text::ToolCallFormat format = {}) {
        return LocalAnswer(
            {.tokenizer = *tokenizer_,
             .request = request,
             .prompt = std::make_shared<const std::vector<llm::TokenId>>(1, 5),
             .channel = channel_,
             .tool_format = format}
        );
    }

    void say(std::string_view text, double log_probability = -1) {
        for (const auto token : tokenizer_->encode(text)) {
            channel_->push({.token = token, .log_probability = log_probability, .top = {}, .is_end = false});
        }
    }

    std::optional<text::Tokenizer> tokenizer_;
    std::shared_ptr<TokenChannel> channel_ = std::make_shared<TokenChannel>();
};

TEST_F(LocalAnswerTest, ScoresComeWithTheTextThatTheyBelongTo) {
    const llm::GenerateRequest request{.stop = {"STOP"}, .top_tokens = 0};
    auto stream = answer(request);
    say("a\xC3");
    auto piece = stream.take();
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->text, "a");
    EXPECT_EQ(piece->tokens.size(), 1U) << "half a character is not shown";
    say("\xA9S");
    piece = stream.take();
    EXPECT_EQ(piece->text, "\xC3\xA9");
    ASSERT_EQ(piece->tokens.size(), 2U);
    EXPECT_EQ(piece->tokens[0].bytes, "\xC3");
    EXPECT_EQ(piece->tokens[1].text_offset, 1U);
    say("TOP and more");
    piece = stream.take();
    EXPECT_FALSE(piece && !piece->text.empty());
    EXPECT_FALSE(piece && !piece->tokens.empty()) << "nothing of a stop string is told";
    EXPECT_TRUE(stream.has_ended());
    EXPECT_TRUE(channel_->cancelled());
    EXPECT_EQ(stream.result()->finish_reason, llm::FinishReason::kStop);
}

TEST_F(LocalAnswerTest, TellsCallsOfToolsFromText) {
    const llm::GenerateRequest request{.tools = {{.name = "add"}}};
    auto stream = answer(request, text::ToolCallFormat::kHermes);
    std::string text;
    std::string name;
    std::string arguments;
    const auto look = [&] {
        while (auto piece = stream.take()) {
            text += piece->text;
            for (const auto& part : piece->tool_parts) {
                EXPECT_EQ(part.index, 0);
                name += part.name;
                arguments += part.arguments;
            }
        }
    };
    for (const char c :
         std::string("Well. <tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}</tool_call>")) {
        say(std::string(1, c));
        look();
        EXPECT_FALSE(text.contains('<'));
    }
    channel_->finish(llm::FinishReason::kStop);
    look();
    EXPECT_EQ(text, "Well.");
    EXPECT_EQ(name, "add");
    EXPECT_EQ(arguments, R"({"a": 1})");
    EXPECT_EQ(stream.result()->finish_reason, llm::FinishReason::kStop);
}

TEST_F(LocalAnswerTest, TheTextOfANamedToolIsItsArguments) {
    const llm::GenerateRequest request{
        .tools = {{.name = "add"}}, .tool_choice = {.kind = llm::ToolChoice::Kind::kNamed, .name = "add"}
    };
    auto stream = answer(request, text::ToolCallFormat::kJson);
    say("{\"a\":1}");
    const auto piece = stream.take();
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->text, "");
    ASSERT_EQ(piece->tool_parts.size(), 7U);
    EXPECT_EQ(piece->tool_parts[0].name, "add");
    EXPECT_EQ(piece->tool_parts[1].name, "");
}

TEST_F(LocalAnswerTest, ADroppedAnswerIsCancelled) {
    {
        const auto stream = answer({});
        EXPECT_FALSE(channel_->cancelled());
    }
    EXPECT_TRUE(channel_->cancelled());
}

}  // namespace
}  // namespace capstan::engine
