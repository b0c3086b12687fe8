#include "llm/openai_wire.h"

#include <limits>

#include <gtest/gtest.h>

#include "llm/chunk_merger.h"

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
             {R"(,"stop":["1","2","3","4","5","6","7","8","9","a","b","c","d","e","f","g","h"])", "stop"},
             {R"(,"stop":[1])", "stop"},
             {R"(,"logit_bias":{"x":1})", "logit_bias"},
             {R"(,"logit_bias":{"1":101})", "logit_bias"},
             {R"(,"n":0)", "'n'"},
             {R"(,"n":3,"best_of":2)", "best_of"},
             {R"(,"top_logprobs":3)", "logprobs"},
             {R"(,"logprobs":true,"top_logprobs":21)", "top_logprobs"},
             {R"(,"response_format":{"type":"xml"})", "response_format"},
             {R"(,"response_format":{"type":"json_schema","json_schema":{"name":"a"}})", "schema"},
             {R"(,"response_format":{"type":"json_object"},"guided_regex":"a")", "one constraint"},
             {R"(,"guided_choice":[])", "guided_choice"},
             {R"(,"structured_outputs":{"regex":7})", "structured_outputs.regex"},
             {R"(,"typical_p":0)", "typical_p"},
             {R"(,"repetition_penalty":11)", "repetition_penalty"},
             {R"(,"stop_token_ids":[-1])", "stop_token_ids"},
             {R"(,"min_tokens":-1)", "min_tokens"},
             {R"(,"min_tokens":10,"max_tokens":9)", "'min_tokens' is 10"},
             {R"(,"truncate_prompt_tokens":0)", "truncate_prompt_tokens"},
             {R"(,"truncate_prompt_tokens":-2)", "truncate_prompt_tokens"},
             {R"(,"prompt_logprobs":21)", "prompt_logprobs"},
             {R"(,"prompt_logprobs":1,"stream":true)", "cannot be streamed"},
             {R"(,"include_stop_str_in_output":1)", "include_stop_str_in_output"},
             {R"(,"skip_special_tokens":"no")", "skip_special_tokens"},
             {R"(,"echo":true)", "'echo' is for /v1/completions"},
             {R"(,"bad_words":["x"])", "bad_words"},
             {R"(,"allowed_token_ids":[1])", "allowed_token_ids"},
             {R"(,"continue_final_message":true)", "continue_final_message"},
             {R"(,"timeout_ms":0)", "timeout_ms"},
             {R"(,"tools":[{}])", "tools"},
             {R"(,"tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0]"},
             {R"(,"tool_choice":"required")", "tool_choice"},
             {R"(,"tool_choice":{"type":"function","function":{"name":"f"}})", "tool_choice"},
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

TEST(OpenAiRequest, ReadsToolsAndTheCallsOfEarlierTurns) {
    const auto call = parse_chat_call(parsed(
        R"({"model":"m","tools":[{"type":"function","function":{"name":"weather","description":"d",
            "parameters":{"type":"object"},"strict":true}}],"parallel_tool_calls":false,
            "tool_choice":{"type":"function","function":{"name":"weather"}},
            "messages":[{"role":"user","content":"?"},
              {"role":"assistant","content":null,"tool_calls":[
                {"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}}]},
              {"role":"tool","tool_call_id":"c1","content":"sun"}]})"
    ));
    ASSERT_TRUE(call) << call.error().message;
    ASSERT_EQ(call->request.tools.size(), 1U);
    EXPECT_EQ(call->request.tools[0].parameters, R"({"type":"object"})");
    EXPECT_TRUE(call->request.tools[0].is_strict);
    EXPECT_EQ(call->request.tool_choice.kind, ToolChoice::Kind::kNamed);
    EXPECT_FALSE(call->request.parallel_tool_calls);
    const auto& messages = std::get<std::vector<Message>>(call->request.prompt);
    ASSERT_EQ(messages[1].tool_calls.size(), 1U);
    EXPECT_EQ(messages[1].tool_calls[0].arguments, "{}");
    EXPECT_EQ(messages[2].tool_call_id, "c1");
    const auto again = parse_chat_call(request_body(*call));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(request_body(*again), request_body(*call));
}

TEST(OpenAiRequest, ReadsWhatAnAnswerMustBe) {
    using Kind = Constraint::Kind;
    const auto constraint = [](std::string_view members) {
        const auto call = chat(members);
        EXPECT_TRUE(call) << call.error().message;
        return call ? call->request.constraint : Constraint();
    };
    EXPECT_EQ(constraint(R"(,"response_format":{"type":"text"})").kind, Kind::kNone);
    EXPECT_EQ(constraint(R"(,"response_format":{"type":"json_object"})").kind, Kind::kJsonObject);
    const auto schema = constraint(
        R"(,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"null"}}})"
    );
    EXPECT_EQ(schema.kind, Kind::kJsonSchema);
    EXPECT_EQ(schema.text, R"({"type":"null"})");
    EXPECT_EQ(constraint(R"(,"guided_json":"{\"type\":\"null\"}")").text, R"({"type":"null"})");
    EXPECT_EQ(constraint(R"(,"guided_regex":"a+")").kind, Kind::kRegex);
    EXPECT_EQ(constraint(R"(,"guided_grammar":"root ::= \"a\"")").kind, Kind::kGrammar);
    EXPECT_EQ(constraint(R"(,"structured_outputs":{"choice":["a","b"]})").choices.size(), 2U);
}

TEST(OpenAiRequest, TakesOnePromptOrManyAsTextOrTokens) {
    const auto prompt_of = [](std::string_view prompt) {
        return parse_completion_call(parsed(R"({"model":"m","prompt":)" + std::string(prompt) + "}"));
    };
    EXPECT_EQ(std::get<std::string>(prompt_of(R"("a b")")->request.prompt), "a b");
    EXPECT_EQ(std::get<std::string>(prompt_of(R"(["a b"])")->request.prompt), "a b");
    EXPECT_EQ(std::get<std::vector<TokenId>>(prompt_of("[5]")->request.prompt), std::vector<TokenId>{5});
    const auto two = prompt_of("[[5,6],[7]]");
    EXPECT_EQ(std::get<std::vector<TokenId>>(two->request.prompt), (std::vector<TokenId>{5, 6}));
    ASSERT_EQ(two->more_prompts.size(), 1U);
    EXPECT_EQ(std::get<std::vector<TokenId>>(two->more_prompts[0]), std::vector<TokenId>{7});
    EXPECT_EQ(prompt_of(R"(["a","b","c"])")->more_prompts.size(), 2U);
    for (const char* wrong : {"[]", "null", R"(["a",7])", "[-1]", "[1.5]", "{}", "[5000000000]", "[[]]"}) {
        EXPECT_FALSE(prompt_of(wrong)) << wrong;
    }
    EXPECT_EQ(prompt_of(R"("x")")->request.completion_tokens_max, 16);
}

TEST(OpenAiRequest, OnlyAnEchoMayHaveNoTokens) {
    const auto harness = parse_completion_call(
        parsed(R"({"model":"m","prompt":[[1,2]],"echo":true,"logprobs":1,"max_tokens":0})")
    );
    ASSERT_TRUE(harness) << harness.error().message;
    EXPECT_TRUE(harness->request.echoes_prompt);
    EXPECT_EQ(harness->request.top_tokens, 1);
    EXPECT_EQ(harness->request.completion_tokens_max, 0);
    EXPECT_FALSE(parse_completion_call(parsed(R"({"model":"m","prompt":"a","max_tokens":0})")));
}

TEST(OpenAiRequest, IsReadBackAsItWasWritten) {
    const auto call = chat(
        R"(,"temperature":0.5,"max_tokens":9,"seed":3,"stop":["x"],"stream":true,"user":"u","n":2,"logprobs":true,
            "top_logprobs":2,"priority":-1,"timeout_ms":5,"guided_choice":["a"],"ignore_eos":true,
            "stop_token_ids":[4],"typical_p":0.5,"repetition_penalty":1.5,"min_tokens":3,
            "truncate_prompt_tokens":-1,"include_stop_str_in_output":true,"skip_special_tokens":false)"
    );
    ASSERT_TRUE(call) << call.error().message;
    const auto again = parse_chat_call(request_body(*call));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(request_body(*again).dump(), request_body(*call).dump());
    EXPECT_EQ(again->choices, 2);
    EXPECT_EQ(again->request.top_tokens, 2);
    EXPECT_EQ(again->request.completion_tokens_min, 3);
    EXPECT_EQ(again->request.prompt_tokens_max, -1);
    EXPECT_TRUE(again->request.shows_stop);
    EXPECT_TRUE(again->request.shows_special_tokens);
    const auto scored = chat(R"(,"prompt_logprobs":0)");
    EXPECT_EQ(parse_chat_call(request_body(*scored))->request.prompt_top_tokens, 0);
}

TEST(OpenAiAnswer, TellsThePromptsScoresByTokenWhereEachKindHasThem) {
    const std::vector<TokenScore> tokens = {
        {.token = 7, .bytes = "a", .log_probability = std::nullopt, .top = {}},
        {.token = 8, .bytes = "b", .log_probability = -2, .top = {{"c", -1, 9}, {"b", -2, 8}}, .rank = 2},
    };
    const std::vector<Choice> choices = {{.text = "x", .prompt_tokens = tokens, .finish_reason = "stop"}};
    const Json text = answer_body({.kind = CallKind::kCompletion}, choices, {});
    const Json& scores = text["choices"].as_array()->front()["prompt_logprobs"];
    EXPECT_EQ(
        scores.dump(),
        R"([null,{"8":{"logprob":-2.0,"rank":2,"decoded_token":"b"},"9":{"logprob":-1.0,"rank":1,"decoded_token":"c"}}])"
    );
    EXPECT_EQ(answer_body({.kind = CallKind::kChat}, choices, {})["prompt_logprobs"], scores);
}

TEST(OpenAiAnswer, StreamsTheRoleThenTextThenTheReasonThenUsage) {
    const AnswerHead head{.kind = CallKind::kChat, .id = "chatcmpl-1", .model = "m", .created_s = 5};
    EXPECT_EQ(
        role_chunk(head, 0, false),
        R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]})"
    );
    const auto text = parse_answer_part(parsed(choice_chunk(head, {.text = "né"}, true)));
    EXPECT_EQ(text->text, "né");
    EXPECT_FALSE(text->has_usage);
    const std::string end = choice_chunk(head, {.finish_reason = "length"}, true);
    EXPECT_EQ(parse_answer_part(parsed(end))->finish_reason, "length");
    EXPECT_TRUE(end.contains(R"("delta":{})")) << end;
    const auto usage =
        parse_answer_part(parsed(usage_chunk(head, {.prompt_tokens = 3, .completion_tokens = 4})));
    EXPECT_TRUE(usage->has_usage);
    EXPECT_EQ(usage->usage.completion_tokens, 4);
    EXPECT_TRUE(parsed(usage_chunk(head, {}))["choices"].as_array()->empty());
}

TEST(OpenAiAnswer, GivesAWholeAnswerOfEitherKind) {
    const std::vector<Choice> choices = {{.text = "t", .finish_reason = "stop"}};
    const Usage usage = {.prompt_tokens = 2, .completion_tokens = 1};
    const Json chat_json =
        answer_body({.kind = CallKind::kChat, .id = "a", .model = "m", .created_s = 1}, choices, usage);
    EXPECT_EQ(chat_json["object"].as_string()->c_str(), std::string("chat.completion"));
    EXPECT_EQ(parse_answer_part(chat_json)->text, "t");
    EXPECT_EQ(chat_json["usage"].int_or("total_tokens", 0), 3);
    const Json text_json =
        answer_body({.kind = CallKind::kCompletion, .id = "a", .model = "m", .created_s = 1}, choices, usage);
    EXPECT_EQ(parse_answer_part(text_json)->text, "t");
    EXPECT_EQ(text_json.string_or("object", ""), "text_completion");
}

TEST(OpenAiAnswer, AHarnessSeesTheSameNumberTwiceAndNoneForTheFirst) {
    const AnswerHead head{.kind = CallKind::kCompletion, .id = "cmpl-1", .model = "m"};
    const Choice choice{
        .text = "aé",
        .has_scores = true,
        .tokens =
            {
                {.token = 1, .bytes = "a", .log_probability = std::nullopt, .top = {}},
                {.token = 2,
                 .bytes = "\xC3",
                 .log_probability = -0.1234567890123456789,
                 .top = {{"\xC3", -0.1234567890123456789}, {"b", -3}},
                 .text_offset = 1},
                {.token = 3,
                 .bytes = "\xA9",
                 .log_probability = -std::numeric_limits<double>::infinity(),
                 .top = {{"x", -0.5}},
                 .text_offset = 1},
            }
    };
    const Json scores = (*answer_body(head, {choice}, {})["choices"].as_array())[0]["logprobs"];
    EXPECT_EQ(scores["tokens"].dump(), R"(["a","bytes:\\xc3","bytes:\\xa9"])");
    EXPECT_EQ(scores["text_offset"].dump(), "[0,1,1]");
    const auto& values = *scores["token_logprobs"].as_array();
    const auto& tops = *scores["top_logprobs"].as_array();
    EXPECT_TRUE(values[0].is_null());
    EXPECT_TRUE(tops[0].is_null());
    EXPECT_EQ(values[1].dump(), tops[1]["bytes:\\xc3"].dump());
    EXPECT_EQ(values[2].dump(), tops[2]["bytes:\\xa9"].dump());
    EXPECT_EQ(values[2].as_double(), -9999);
}

TEST(OpenAiAnswer, OfTokensThatAreWrittenAlikeTheMostProbableIsTold) {
    const AnswerHead head{.kind = CallKind::kCompletion, .id = "cmpl-1", .model = "m"};
    const Choice choice{
        .has_scores = true, .tokens = {{.token = 2, .bytes = "a", .log_probability = -2, .top = {{"a", -1}}}}
    };
    const Json scores = (*answer_body(head, {choice}, {})["choices"].as_array())[0]["logprobs"];
    EXPECT_EQ((*scores["top_logprobs"].as_array())[0].dump(), Json::object({{"a", -1.0}}).dump());
}

TEST(OpenAiAnswer, ChatScoresHaveBytes) {
    const AnswerHead head{.kind = CallKind::kChat, .id = "chatcmpl-1", .model = "m"};
    const Choice choice{
        .text = "é",
        .has_scores = true,
        .tokens = {{.token = 2, .bytes = "é", .log_probability = -1, .top = {{"b", -0.5}}}}
    };
    const Json scores = (*answer_body(head, {choice}, {})["choices"].as_array())[0]["logprobs"];
    EXPECT_EQ(
        scores.dump(),
        R"({"content":[{"token":"é","logprob":-1.0,"bytes":[195,169],"top_logprobs":[{"token":"b","logprob":-0.5,"bytes":[98]}]}],"refusal":null})"
    );
}

TEST(OpenAiAnswer, AToolCallComesWithItsNameAndThenInPieces) {
    const AnswerHead head{.kind = CallKind::kChat, .id = "chatcmpl-1", .model = "m"};
    const Json first =
        parsed(choice_chunk(head, {.tool_deltas = {{.index = 0, .id = "c1", .name = "f"}}}, false));
    EXPECT_EQ(
        (*first["choices"].as_array())[0]["delta"].dump(),
        R"({"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]})"
    );
    const Json next = parsed(choice_chunk(head, {.tool_deltas = {{.index = 0, .arguments = "{\""}}}, false));
    EXPECT_EQ(
        (*next["choices"].as_array())[0]["delta"].dump(),
        R"({"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]})"
    );
    const Json whole =
        answer_body(head, {{.tool_calls = {{"c1", "f", "{}"}}, .finish_reason = "tool_calls"}}, {});
    const Json message = (*whole["choices"].as_array())[0]["message"];
    EXPECT_TRUE(message["content"].is_null());
    EXPECT_EQ((*message["tool_calls"].as_array())[0]["function"].string_or("name", ""), "f");
}

TEST(ChunkMerger, PutsAStreamTogetherToTheWholeAnswer) {
    const AnswerHead head{.kind = CallKind::kChat, .id = "i", .model = "m", .created_s = 1};
    const TokenScore score{.token = 2, .bytes = "b", .log_probability = -1, .top = {}};
    const Choice parts[] = {
        {.index = 0, .text = "a", .has_scores = true, .tokens = {score}},
        {.index = 0, .text = "b", .has_scores = true, .tokens = {score}},
        {.index = 0, .has_scores = true, .finish_reason = "stop"},
        {.index = 1, .tool_deltas = {{.index = 0, .id = "c", .name = "f"}}},
        {.index = 1, .tool_deltas = {{.index = 0, .arguments = "{"}}},
        {.index = 1, .tool_deltas = {{.index = 0, .arguments = "}"}}},
        {.index = 1, .finish_reason = "tool_calls"},
    };
    ChunkMerger merger(CallKind::kChat);
    ASSERT_TRUE(merger.take(parsed(role_chunk(head, 1, true))));
    ASSERT_TRUE(merger.take(parsed(role_chunk(head, 0, true))));
    for (const Choice& part : parts) {
        ASSERT_TRUE(merger.take(parsed(choice_chunk(head, part, true))));
    }
    const Usage usage{.prompt_tokens = 3};
    const std::vector<Choice> whole = {
        {.index = 0, .text = "ab", .has_scores = true, .tokens = {score, score}, .finish_reason = "stop"},
        {.index = 1, .tool_calls = {{"c", "f", "{}"}}, .finish_reason = "tool_calls"}
    };
    const Json merged = merger.answer(head, usage);
    const Json expected = answer_body(head, whole, usage);
    for (std::size_t i = 0; i < 2; ++i) {
        const Json& got = (*merged["choices"].as_array())[i];
        const Json& want = (*expected["choices"].as_array())[i];
        EXPECT_EQ(got["logprobs"], want["logprobs"]);
        EXPECT_EQ(got["finish_reason"], want["finish_reason"]);
        for (const char* name : {"role", "content", "tool_calls", "refusal"}) {
            EXPECT_EQ(got["message"][name], want["message"][name]) << name << merged.dump();
        }
    }
}

TEST(ChunkMerger, AnyJsonIsTakenOrRefused) {
    for (const char* chunk :
         {R"({"choices":7})",
          R"({"choices":[7]})",
          R"({"choices":[{"index":-1}]})",
          R"({"choices":[{"index":1e9}]})",
          R"({"choices":[{"message":"x","logprobs":7,"text":7},{"delta":{"content":"a"}}]})",
          R"({"choices":[{"delta":{"tool_calls":7}},{"delta":{"tool_calls":[{"index":9999}]}}]})",
          R"({"choices":[{"delta":{"tool_calls":[{"function":7},{"function":{"name":7}}]}}]})",
          R"({"choices":[{"logprobs":{"content":7}},{"logprobs":{"content":[1]}}]})"}) {
        for (const CallKind kind : {CallKind::kChat, CallKind::kCompletion}) {
            ChunkMerger merger(kind);
            const auto taken = merger.take(parsed(chunk));
            EXPECT_TRUE(taken || taken.error().code == ErrorCode::kUnavailable) << chunk;
            EXPECT_TRUE(merger.answer({.kind = kind, .id = "i", .model = "m"}, {}).is_object());
        }
    }
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
