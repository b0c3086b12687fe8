// Where prompts begin and answers end, as vLLM's parameters say it, through HTTP.

#include <gmock/gmock.h>

#include "serving/test_engine.h"

namespace capstan::serving {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kEnd = "4";      // <|end|>, which ends an answer.
constexpr std::string_view kLetter = "70";  // "b": five special tokens, then the bytes from "!".

class AnswerBoundsTest : public RealModelTest {
protected:
    // A request whose model prefers `token` to all others.
    static Json prefer(std::string_view token, Json more) {
        more.set("prompt", "x");
        more.set("temperature", 0);
        more.set("logit_bias", Json::object({{std::string(token), 100}}));
        return more;
    }

    const Json& choice_of(Json body) {
        answer_ = complete(std::move(body));
        return answer_["choices"].as_array()->front();
    }

    std::int64_t completion_tokens() const { return answer_["usage"].int_or("completion_tokens", 0); }

    Json answer_;
};

TEST_F(AnswerBoundsTest, NothingEndsAnAnswerBeforeItsLeastTokens) {
    const Json& soon = choice_of(prefer(kEnd, Json::object({{"max_tokens", 9}})));
    EXPECT_EQ(soon.string_or("finish_reason", ""), "stop");
    EXPECT_EQ(completion_tokens(), 1);
    const Json& later = choice_of(prefer(kEnd, Json::object({{"max_tokens", 9}, {"min_tokens", 5}})));
    EXPECT_EQ(later.string_or("finish_reason", ""), "stop");
    EXPECT_EQ(completion_tokens(), 6) << "five, then the end";
    choice_of(prefer(
        kLetter, Json::object({{"max_tokens", 9}, {"min_tokens", 5}, {"stop_token_ids", Json::array({70})}})
    ));
    EXPECT_EQ(completion_tokens(), 6) << "stop tokens are no shorter way";
    const Json& text =
        choice_of(prefer(kLetter, Json::object({{"max_tokens", 9}, {"min_tokens", 5}, {"stop", "bb"}})));
    EXPECT_EQ(text.string_or("text", ""), "bbbbb") << "a stop string counts from behind them";
}

TEST_F(AnswerBoundsTest, AConstraintsWholeAnswerMayBeShorter) {
    const Json& yes = choice_of(Json::object(
        {{"prompt", "x"},
         {"max_tokens", 9},
         {"min_tokens", 8},
         {"guided_choice", Json::array({"yes", "yesyes"})}}
    ));
    EXPECT_EQ(yes.string_or("text", ""), "yesyes") << "the longest that there is";
    EXPECT_EQ(yes.string_or("finish_reason", ""), "stop");
}

TEST_F(AnswerBoundsTest, WhatEndedAnAnswerIsShownWhenAskedFor) {
    const auto text = [&](std::string_view token, Json more) {
        more.set("max_tokens", 6);
        return choice_of(prefer(token, std::move(more))).string_or("text", "");
    };
    EXPECT_EQ(text(kLetter, Json::object({{"stop", "bb"}})), "");
    EXPECT_EQ(text(kLetter, Json::object({{"stop", "bb"}, {"include_stop_str_in_output", true}})), "bb");
    const Json stop = Json::array({70});
    EXPECT_EQ(text(kLetter, Json::object({{"stop_token_ids", stop}})), "");
    EXPECT_EQ(
        text(kLetter, Json::object({{"stop_token_ids", stop}, {"include_stop_str_in_output", true}})), "b"
    );
    EXPECT_EQ(text(kEnd, Json::object({{"skip_special_tokens", false}})), "");
    EXPECT_EQ(
        text(kEnd, Json::object({{"skip_special_tokens", false}, {"include_stop_str_in_output", true}})),
        "<|end|>"
    );
}

TEST_F(AnswerBoundsTest, SpecialTokensAreTextWhenAskedFor) {
    constexpr std::string_view kUser = "2";
    EXPECT_EQ(choice_of(prefer(kUser, Json::object({{"max_tokens", 3}}))).string_or("text", "?"), "");
    EXPECT_EQ(
        choice_of(prefer(kUser, Json::object({{"max_tokens", 3}, {"skip_special_tokens", false}}))
        ).string_or("text", ""),
        "<|user|><|user|><|user|>"
    );
}

TEST_F(AnswerBoundsTest, OfAPromptThatIsTooLongItsEndIsRead) {
    const std::string text(600, 'y');  // The context holds 512.
    Json body = Json::object({{"prompt", text}, {"max_tokens", 8}, {"model", "man/1"}});
    EXPECT_EQ(ask(body, "/v1/completions").status, 400);
    body.set("truncate_prompt_tokens", -1);
    complete(body);
    EXPECT_EQ(complete(body)["usage"].int_or("prompt_tokens", 0), 504);
    body.set("truncate_prompt_tokens", 5);
    body.set("echo", true);
    answer_ = complete(body);
    EXPECT_EQ(answer_["usage"].int_or("prompt_tokens", 0), 5);
    EXPECT_THAT(answer_["choices"].as_array()->front().string_or("text", ""), StartsWith("yyyyy"));
    body.set("truncate_prompt_tokens", 513);
    const auto refused = ask(body, "/v1/completions");
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr("the context holds 512"));
}

TEST_F(AnswerBoundsTest, ThePromptsTokensAreScoredByRank) {
    const Json& choice = choice_of(Json::object(
        {{"prompt", Json::array({70, 71, 72})}, {"max_tokens", 2}, {"prompt_logprobs", 2}, {"temperature", 0}}
    ));
    const auto& scores = *choice["prompt_logprobs"].as_array();
    ASSERT_EQ(scores.size(), 3U);
    EXPECT_TRUE(scores[0].is_null());
    EXPECT_TRUE(choice["logprobs"].is_null());
    for (const int token : {71, 72}) {
        const Json& ways = scores[static_cast<std::size_t>(token - 70)];
        const Json& own = ways[std::to_string(token)];
        EXPECT_EQ(own.string_or("decoded_token", ""), std::string(1, static_cast<char>('!' + token - 5)));
        EXPECT_LT(own["logprob"].as_double().value(), 0);
        int better = 0;
        std::set<std::int64_t> ranks;
        for (const auto& [id, way] : *ways.as_object()) {
            better += way["logprob"].as_double().value() > own["logprob"].as_double().value() ? 1 : 0;
            ranks.insert(way.int_or("rank", 0));
        }
        EXPECT_TRUE(ranks.contains(1)) << ways.dump();
        EXPECT_TRUE(ranks.contains(2)) << ways.dump();
        EXPECT_GT(own.int_or("rank", 0), better);
    }
    Json chat = RealModelTest::chat();
    chat.set("prompt_logprobs", 0);
    const Json answer = parse_json(ask(chat).body).value();
    EXPECT_EQ(std::ssize(*answer["prompt_logprobs"].as_array()), answer["usage"].int_or("prompt_tokens", 0));
}

}  // namespace
}  // namespace capstan::serving
