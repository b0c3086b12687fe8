// Beam search in OpenAI's requests, as vLLM has it.

#include <gtest/gtest.h>

#include "llm/openai_wire.h"

namespace capstan::llm {
namespace {

Result<OpenAiCall> chat(const std::string& members) {
    return parse_chat_call(
        parse_json(R"({"model":"m","messages":[{"role":"user","content":"x"}])" + members + "}").value()
    );
}

TEST(OpenAiBeams, AreReadAsVllmHasThemAndWrittenAgain) {
    EXPECT_FALSE(chat(R"(,"length_penalty":2,"early_stopping":true)")->request.beams);
    EXPECT_TRUE(chat(R"(,"use_beam_search":true,"temperature":0)")->request.beams);
    for (const auto& [early, meant] : std::vector<std::pair<std::string, EarlyStopping>>{
             {"false", EarlyStopping::kWhenNoneIsBetter},
             {"true", EarlyStopping::kAtOnce},
             {R"("never")", EarlyStopping::kWhenNoneCanBeBetter},
         }) {
        const auto call =
            chat(R"(,"use_beam_search":true,"n":3,"length_penalty":0.5,"early_stopping":)" + early);
        ASSERT_TRUE(call) << call.error().message;
        const auto again = parse_chat_call(request_body(*call));
        ASSERT_TRUE(again) << again.error().message;
        for (const OpenAiCall& read : {*call, *again}) {
            EXPECT_EQ(read.choices, 3);
            EXPECT_EQ(read.request.beams.value().length_penalty, 0.5);
            EXPECT_EQ(read.request.beams->early_stopping, meant);
        }
    }
}

TEST(OpenAiBeams, RefuseByNameWhatDoesNotGoWithThem) {
    for (const auto& [members, word] : std::vector<std::pair<std::string, std::string>>{
             {R"(,"use_beam_search":true,"min_tokens":4)", "'min_tokens'"},
             {R"(,"use_beam_search":true,"prompt_logprobs":1)", "'prompt_logprobs'"},
             {R"(,"use_beam_search":3)", "use_beam_search"},
             {R"(,"use_beam_search":true,"stream":true)", "'stream'"},
             {R"(,"use_beam_search":true,"temperature":0.7)", "'temperature'"},
             {R"(,"use_beam_search":true,"top_p":0.7)", "'top_p'"},
             {R"(,"use_beam_search":true,"logit_bias":{"1":1})", "'logit_bias'"},
             {R"(,"use_beam_search":true,"n":2,"best_of":3)", "'best_of'"},
             {R"(,"use_beam_search":true,"n":65)", "'n' must be at most 64"},
             {R"(,"use_beam_search":true,"logprobs":true,"top_logprobs":2)", "'top_logprobs'"},
             {R"(,"use_beam_search":true,"stop_token_ids":[3])", "'stop_token_ids'"},
             {R"(,"use_beam_search":true,"early_stopping":"soon")", "'early_stopping'"},
             {R"(,"length_penalty":11)", "'length_penalty'"},
         }) {
        const auto call = chat(members);
        ASSERT_FALSE(call) << members;
        EXPECT_EQ(call.error().code, ErrorCode::kInvalid);
        EXPECT_NE(call.error().message.find(word), std::string::npos) << call.error().message;
    }
}

}  // namespace
}  // namespace capstan::llm
