#include "llm/openai_wire.h"

#include <gtest/gtest.h>

namespace capstan::llm {
namespace {

Json parsed(std::string_view text) {
    return parse_json(text).value();
}

Result<OpenAiCall> chat(std::string_view members) {
    return parse_chat_call(
        parsed(R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + std::string(members) + "}")
    );
}

TEST(OpenAiRequest, ReadsWhatTheOfficialClientSends) {
    const auto call = parse_chat_call(parsed(
        R"({"model":"man","messages":[{"role":"developer","content":"short"},
            {"role":"user","content":[{"type":"text","text":"what is "},{"type":"text","text":"ls?"}]}],
            "temperature":0,"max_completion_tokens":64,"seed":7,"stop":"\n","stream":true,
            "stream_options":{"include_usage":true},"user":"u1","n":1,"logprobs":false,"tools":[]})"
    ));
    ASSERT_TRUE(call) << call.error().message;
    const auto& messages = std::get<std::vector<Message>>(call->request.prompt);
    EXPECT_EQ(messages[0].role, Role::kSystem);
    EXPECT_EQ(messages[1].content, "what is ls?");
    EXPECT_EQ(call->request.completion_tokens_max, 64);
    EXPECT_EQ(call->request.sampling.seed, 7U);
    EXPECT_EQ(call->request.stop, std::vector<std::string>{"\n"});
    EXPECT_TRUE(call->stream && call->include_usage);
    EXPECT_EQ(call->user, "u1");
}

TEST(OpenAiRequest, NamesTheParameterThatIsWrong) {
    for (const auto& [members, word] : std::vector<std::pair<std::string, std::string>>{
             {R"(,"temperature":3)", "temperature"},
             {R"(,"temperature":"hot")", "temperature"},
             {R"(,"top_p":0)", "top_p"},
             {R"(,"max_tokens":0)", "max_tokens"},
             {R"(,"n":2)", "'n'"},
             {R"(,"logprobs":true)", "logprobs"},
             {R"(,"stop":["a","b","c","d","e"])", "stop"},
             {R"(,"stop":[1])", "stop"},
             {R"(,"logit_bias":{"x":1})", "logit_bias"},
             {R"(,"logit_bias":{"1":101})", "logit_bias"},
             {R"(,"response_format":{"type":"json_object"})", "response_format"},
             {R"(,"tools":[{}])", "tools"},
             {R"(,"stream":"yes")", "stream"},
         }) {
        const auto call = chat(members);
        ASSERT_FALSE(call) << members;
        EXPECT_EQ(call.error().code, ErrorCode::kInvalid);
        EXPECT_NE(call.error().message.find(word), std::string::npos) << call.error().message;
    }
}

TEST(OpenAiRequest, RefusesMessagesItCannotRead) {
    for (const char* messages :
         {"[]",
          "null",
          "7",
          R"([{"role":"robot","content":"x"}])",
          R"([{"role":"user","content":7}])",
          R"([{"role":"user","content":[{"type":"image_url"}]}])"}) {
        const auto call =
            parse_chat_call(parsed(std::string(R"({"model":"m","messages":)") + messages + "}"));
        ASSERT_FALSE(call) << messages;
        EXPECT_NE(call.error().message.find("messages"), std::string::npos);
    }
    EXPECT_FALSE(parse_chat_call(parsed("[1]")));
}

TEST(OpenAiRequest, TakesAPromptAsTextOrTokensAlsoInAListOfOne) {
    const auto prompt_of = [](std::string_view prompt) {
        return parse_completion_call(parsed(R"({"model":"m","prompt":)" + std::string(prompt) + "}"));
    };
    EXPECT_EQ(std::get<std::string>(prompt_of(R"("a b")")->request.prompt), "a b");
    EXPECT_EQ(std::get<std::string>(prompt_of(R"(["a b"])")->request.prompt), "a b");
    EXPECT_EQ(std::get<std::vector<TokenId>>(prompt_of("[5]")->request.prompt), std::vector<TokenId>{5});
    EXPECT_EQ(
        std::get<std::vector<TokenId>>(prompt_of("[[5,6]]")->request.prompt), (std::vector<TokenId>{5, 6})
    );
    for (const char* wrong : {"[]", "null", R"(["a","b"])", "[-1]", "[1.5]", "{}", "[5000000000]"}) {
        EXPECT_FALSE(prompt_of(wrong)) << wrong;
    }
    EXPECT_EQ(prompt_of(R"("x")")->request.completion_tokens_max, 16);
}

TEST(OpenAiRequest, IsReadBackAsItWasWritten) {
    const auto call =
        chat(R"(,"temperature":0.5,"max_tokens":9,"seed":3,"stop":["x"],"stream":true,"user":"u")");
    const auto again = parse_chat_call(request_body(*call));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(request_body(*again).dump(), request_body(*call).dump());
}

TEST(OpenAiAnswer, StreamsTheRoleThenTextThenTheReasonThenUsage) {
    const AnswerHead head{.kind = CallKind::kChat, .id = "chatcmpl-1", .model = "m", .created_s = 5};
    EXPECT_EQ(
        role_chunk(head, false),
        R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]})"
    );
    const auto text = parse_answer_part(parsed(text_chunk(head, "né", true)));
    EXPECT_EQ(text->text, "né");
    EXPECT_FALSE(text->has_usage);
    EXPECT_EQ(
        parse_answer_part(parsed(finish_chunk(head, FinishReason::kLength, true)))->finish_reason, "length"
    );
    const auto usage =
        parse_answer_part(parsed(usage_chunk(head, {.prompt_tokens = 3, .completion_tokens = 4})));
    EXPECT_TRUE(usage->has_usage);
    EXPECT_EQ(usage->usage.completion_tokens, 4);
    EXPECT_TRUE(parsed(usage_chunk(head, {}))["choices"].as_array()->empty());
}

TEST(OpenAiAnswer, GivesAWholeAnswerOfEitherKind) {
    const GenerateResult result{
        .text = "t",
        .finish_reason = FinishReason::kStop,
        .usage = {.prompt_tokens = 2, .completion_tokens = 1}
    };
    const Json chat_json =
        answer_body({.kind = CallKind::kChat, .id = "a", .model = "m", .created_s = 1}, result);
    EXPECT_EQ(chat_json["object"].as_string()->c_str(), std::string("chat.completion"));
    EXPECT_EQ(parse_answer_part(chat_json)->text, "t");
    EXPECT_EQ(chat_json["usage"].int_or("total_tokens", 0), 3);
    const Json text_json =
        answer_body({.kind = CallKind::kCompletion, .id = "a", .model = "m", .created_s = 1}, result);
    EXPECT_EQ(parse_answer_part(text_json)->text, "t");
    EXPECT_EQ(text_json.string_or("object", ""), "text_completion");
}

TEST(OpenAiAnswer, CarriesErrorsInTheirShapeAndReadsThemBack) {
    const auto error = openai_error({ErrorCode::kNotFound, "no model m"});
    EXPECT_EQ(error.status, 404);
    EXPECT_EQ(error.body["error"].string_or("code", ""), "model_not_found");
    EXPECT_TRUE(error.body["error"].contains("param"));
    EXPECT_EQ(parse_answer_part(error.body).error().message, "no model m");
}

}  // namespace
}  // namespace capstan::llm
