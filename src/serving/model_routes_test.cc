// What an engine's server answers in front of a real model with random weights: calls for text, scores for
// evaluation harnesses, tokens, adapters, sleep, metrics.

#include "serving/model_routes.h"

#include <gtest/gtest.h>

#include "llm/chunk_merger.h"
#include "serving/engine_gauges.h"
#include "serving/test_engine.h"

namespace capstan::serving {
namespace {

TEST_F(RealModelTest, ScoresPromptsAsEvaluationHarnessesAskForIt) {
    std::vector<std::vector<llm::TokenId>> prompts;
    for (const char* text : {"the cat sat", "caf\xC3\xA9", "x y"}) {
        prompts.push_back(model_->tokenizer().encode(text));
    }
    Json ids = Json::array();
    for (const auto& prompt : prompts) {
        ids.push(Json::array_of(prompt));
    }
    Json body = Json::object({{"prompt", ids}, {"echo", true}, {"logprobs", 1}, {"temperature", 0}});
    for (const int tokens_max : {1, 0}) {
        body.set("max_tokens", tokens_max);
        const Json whole = complete(body);
        for (std::size_t i = 0; i < prompts.size(); ++i) {
            const Json& choice = (*whole["choices"].as_array())[i];
            EXPECT_EQ(choice.int_or("index", -1), static_cast<std::int64_t>(i));
            const auto& values = *choice["logprobs"]["token_logprobs"].as_array();
            const auto& tops = *choice["logprobs"]["top_logprobs"].as_array();
            const auto expected = model_->token_log_probabilities(prompts[i], "").value();
            const auto length = prompts[i].size();
            ASSERT_EQ(values.size(), length + static_cast<std::size_t>(tokens_max));
            EXPECT_EQ(choice["logprobs"]["tokens"].as_array()->size(), values.size());
            EXPECT_EQ(choice["logprobs"]["text_offset"].as_array()->size(), values.size());
            EXPECT_TRUE(values[0].is_null());
            for (std::size_t k = 1; k < length; ++k) {
                EXPECT_EQ(values[k].as_double(), expected[k - 1]);
                double best = -1e9;
                bool is_there = false;
                for (const auto& [token, value] : *tops[k].as_object()) {
                    best = std::max(best, *value.as_double());
                    is_there = is_there || value == values[k];
                }
                EXPECT_TRUE(is_there);
                EXPECT_GE(best, *values[k].as_double());
            }
            if (tokens_max == 1) {
                EXPECT_EQ(tops[length].as_object()->size(), 1U) << "greedy: the token is the best one";
                EXPECT_EQ(tops[length].as_object()->front().second, values[length]);
            }
        }
    }
}

TEST_F(RealModelTest, AnEchoIsTheSameWholeAndStreamed) {
    Json body =
        Json::object({{"prompt", "Say: "}, {"echo", true}, {"max_tokens", 9}, {"seed", 3}, {"logprobs", 2}});
    const Json whole = complete(body);
    const Json& choice = whole["choices"].as_array()->front();
    const std::string text = choice.string_or("text", "");
    EXPECT_TRUE(text.starts_with("Say: ")) << text;
    body.set("model", "man/1");
    body.set("stream", true);
    llm::ChunkMerger merger(llm::CallKind::kCompletion);
    http::ClientRequest request{
        .method = "POST", .url = server_->url() + "/v1/completions", .body = body.dump()
    };
    ASSERT_TRUE(client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
        return event.data == "[DONE]" ? Result<void>() : merger.take(parse_json(event.data).value());
    }));
    const Json merged = merger.answer({.kind = llm::CallKind::kCompletion}, {});
    EXPECT_EQ(merged["choices"].as_array()->front().dump(), choice.dump());
}

TEST_F(RealModelTest, StopsAtATokenAndTheBestOfSeveralIsOneOfThem) {
    const auto text_of = [](const Json& whole, std::size_t i) {
        return (*whole["choices"].as_array())[i].string_or("text", "<none>");
    };
    Json body = Json::object(
        {{"prompt", "ab"}, {"max_tokens", 12}, {"seed", 3}, {"n", 4}, {"ignore_eos", true}, {"logprobs", 0}}
    );
    const Json four = complete(body);
    ASSERT_EQ(four["choices"].as_array()->size(), 4U);
    EXPECT_NE(text_of(four, 0), text_of(four, 1));
    std::string best;
    double most = -1e9;
    for (std::size_t i = 0; i < 4; ++i) {
        const auto& scores = *(*four["choices"].as_array())[i]["logprobs"]["token_logprobs"].as_array();
        ASSERT_EQ(scores.size(), 12U);
        double sum = 0;
        for (const Json& score : scores) {
            sum += *score.as_double();
        }
        best = sum > most ? text_of(four, i) : best;
        most = std::max(sum, most);
    }
    body.set("n", 1);
    body.set("best_of", 4);
    body.set("logprobs", nullptr);
    const Json one = complete(body);
    ASSERT_EQ(one["choices"].as_array()->size(), 1U);
    EXPECT_EQ(text_of(one, 0), best);
    EXPECT_EQ(one["usage"].int_or("completion_tokens", 0), 48);
    body = Json::object({{"prompt", "ab"}, {"stop_token_ids", Json::array({65, 66})}});
    Json bias = Json::object({{"66", 100}});
    body.set("logit_bias", bias);
    body.set("temperature", 0);
    const Json stopped = complete(body);
    EXPECT_EQ(text_of(stopped, 0), "");
    EXPECT_EQ(stopped["choices"].as_array()->front().string_or("finish_reason", ""), "stop");
}

TEST_F(RealModelTest, TokenizesAndBackAsRemoteTokenizersAskForIt) {
    const auto post = [&](const char* path, const Json& body) {
        const auto response = ask(body, path);
        EXPECT_EQ(response.status, 200) << response.body;
        return parse_json(response.body).value();
    };
    const Json plain = post(
        "/tokenize",
        Json::object({{"prompt", "caf\xC3\xA9"}, {"add_special_tokens", false}, {"return_token_strs", true}})
    );
    EXPECT_EQ(plain.int_or("count", 0), 5);
    EXPECT_EQ(plain.int_or("max_model_len", 0), 512);
    EXPECT_EQ(plain["token_strs"].as_array()->size(), 5U);
    EXPECT_EQ(
        post("/detokenize", Json::object({{"tokens", plain["tokens"]}})).string_or("prompt", ""),
        "caf\xC3\xA9"
    );
    const Json turn = Json::object({{"role", "user"}, {"content", "hi"}});
    EXPECT_GT(post("/tokenize", Json::object({{"messages", Json::array({turn})}})).int_or("count", 0), 4);
    EXPECT_EQ(ask(Json::object({{"tokens", Json::array({272})}}), "/detokenize").status, 400);
    EXPECT_EQ(ask(Json::object(), "/tokenize").status, 400);
    const Json info = parse_json(client_.get(server_->url() + "/tokenizer_info")->body).value();
    EXPECT_EQ(info.string_or("eos_token", ""), model_->tokenizer().token_of(0)) << info.dump();
    EXPECT_EQ(parse_json(client_.get(server_->url() + "/version")->body)->string_or("version", ""), "1.2");
}

TEST_F(RealModelTest, AdaptersComeAndGoWhileItRuns) {
    const Json load = Json::object({{"lora_name", "late"}, {"lora_path", (folder_ / "adapter").string()}});
    Json body = chat();
    body.set("model", "late");
    EXPECT_EQ(ask(body).status, 404);
    ASSERT_EQ(ask(load, "/v1/load_lora_adapter").status, 200);
    EXPECT_EQ(ask(load, "/v1/load_lora_adapter").status, 409);
    EXPECT_EQ(ask(body).status, 200);
    EXPECT_TRUE(client_.get(server_->url() + "/v1/models")->body.contains("\"late\""));
    ASSERT_EQ(ask(Json::object({{"lora_name", "late"}}), "/v1/unload_lora_adapter").status, 200);
    EXPECT_EQ(ask(body).status, 404);
    EXPECT_EQ(ask(Json::object({{"lora_name", "late"}}), "/v1/unload_lora_adapter").status, 404);
    EXPECT_EQ(
        ask(Json::object({{"lora_name", "x"}, {"lora_path", "/none"}}), "/v1/load_lora_adapter").status, 404
    );
}

TEST_F(RealModelTest, AsleepItRefusesCallsUntilItIsWoken) {
    const auto is_asleep = [&] {
        return client_.get(server_->url() + "/is_sleeping")->body.contains("true");
    };
    EXPECT_FALSE(is_asleep());
    EXPECT_EQ(ask(Json::object(), "/sleep").status, 200);
    EXPECT_TRUE(is_asleep());
    EXPECT_EQ(ask(chat()).status, 503);
    EXPECT_EQ(ask(Json::object(), "/wake_up").status, 200);
    EXPECT_FALSE(is_asleep());
    EXPECT_EQ(ask(chat()).status, 200);
}

TEST_F(RealModelTest, CountsUnderTheNamesThatDashboardsKnow) {
    show_engine([&] { return model_->stats().engine; }, "man/1", registry_);
    ASSERT_EQ(ask(chat()).status, 200);
    const std::string shown = registry_.exposition();
    for (const char* line :
         {"vllm:time_to_first_token_seconds_count{model_name=\"man/1\"} 1",
          "vllm:e2e_request_latency_seconds_count{model_name=\"man/1\"} 1",
          "vllm:time_per_output_token_seconds_bucket{model_name=\"man/1\",le=\"80\"} 1",
          "vllm:generation_tokens_total{model_name=\"man/1\"} 8",
          "vllm:request_success_total{model_name=\"man/1\",finished_reason=\"length\"} 1",
          "vllm:num_requests_waiting{model_name=\"man/1\"} 0",
          "vllm:prefix_cache_queries_total{model_name=\"man/1\"} ",
          "# TYPE vllm:prefix_cache_hits_total counter",
          "vllm:request_queue_time_seconds_count{model_name=\"man/1\"} 1",
          "vllm:request_prefill_time_seconds_count{model_name=\"man/1\"} 1",
          "vllm:request_decode_time_seconds_count{model_name=\"man/1\"} 1",
          "vllm:request_inference_time_seconds_count{model_name=\"man/1\"} 1",
          "vllm:request_params_n_bucket{model_name=\"man/1\",le=\"1\"} 1",
          "vllm:request_params_max_tokens_sum{model_name=\"man/1\"} 8",
          "vllm:iteration_tokens_total_bucket{model_name=\"man/1\",le=\"1\"} 7",
          "vllm:iteration_tokens_total_count{model_name=\"man/1\"} 8",
          "vllm:cache_config_info{model_name=\"man/1\",block_size=\"16\",num_gpu_blocks=\"",
          "capstan_engine_kv_wasted_bytes{model_name=\"man/1\"} 0",
          "vllm:kv_cache_usage_perc{model_name=\"man/1\"} "}) {
        EXPECT_TRUE(shown.contains(line)) << line << "\n" << shown;
    }
}

TEST_F(RealModelTest, HundredsOfStreamsAtOnceAllEnd) {
    Json body = Json::object(
        {{"model", "man/1"}, {"n", 60}, {"max_tokens", 8}, {"ignore_eos", true}, {"prompt", Json::array()}}
    );
    for (int i = 0; i < 10; ++i) {
        Json prompts = body["prompt"];
        prompts.push("prompt " + std::to_string(i));
        body.set("prompt", prompts);
    }
    const Json whole = complete(body);
    EXPECT_EQ(whole["choices"].as_array()->size(), 600U);
    EXPECT_EQ(whole["usage"].int_or("completion_tokens", 0), 4800);
}

TEST_F(RealModelTest, SaysTheSameWholeAndStreamedAndAnAdapterChangesIt) {
    const Json whole = parse_json(ask(chat()).body).value();
    const std::string text =
        whole["choices"].as_array()->front()["message"].string_or("content", "<missing>");
    EXPECT_EQ(ask_stream(chat(true)).text, text);
    EXPECT_GT(whole["usage"].int_or("prompt_tokens", 0), 11) << "the question and the template around it";
    Json adapted = chat(true);
    adapted.set("model", "man/2");
    EXPECT_NE(ask_stream(adapted).text, text);
    Json too_long = chat();
    too_long.set(
        "messages", Json::array({Json::object({{"role", "user"}, {"content", std::string(600, 'x')}})})
    );
    EXPECT_EQ(ask(too_long).status, 400);
}

}  // namespace
}  // namespace capstan::serving
