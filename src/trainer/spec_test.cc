#include "trainer/spec.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<TrainSpec> read(std::string_view text) {
    return read_spec(*parse_json(text));
}

void expect_refused(std::string_view text, std::string_view why) {
    const auto spec = read(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(spec.error().message, HasSubstr(std::string(why)));
}

TEST(Spec, HasDefaultsForAllButTaskDataAndLength) {
    const auto spec = read(R"({"task":"pretrain","data":{"train":["a.jsonl"]},"steps":10})");
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->task, Task::kPretrain);
    EXPECT_EQ(spec->model, ModelShape{});
    EXPECT_EQ(spec->batch.sequence_tokens, 256);
    EXPECT_EQ(spec->threads, 2);
    EXPECT_EQ(spec->seed, 1U);
    EXPECT_EQ(spec->train.front(), "a.jsonl");
}

TEST(Spec, ReadsEveryKey) {
    const auto spec = read(R"({
        "task":"lora","tokenizer":"t.json","tokenizer_config":"c.json","base_model":"/base",
        "data":{"train":["a","b"],"heldout":["h"]},
        "lora":{"rank":4,"alpha":32,"dropout":0.1,"rslora":true,"targets":["v_proj","q_proj","q_proj"]},
        "optimizer":{"learning_rate":0.01,"weight_decay":0.2,"beta1":0.8,"beta2":0.9,"eps":1e-6,"clip_norm":2,
                     "warmup_steps":7,"schedule":"constant","final_fraction":0.5},
        "batch":{"sequences":3,"sequence_tokens":17,"accumulate":5},
        "steps":0,"time_budget_s":180.5,"checkpoint_every_s":12,"checkpoints_kept":4,"report_every_s":1,"eval_every_steps":9,
        "eval_sequences":11,"seed":99,"threads":1})");
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->task, Task::kLora);
    EXPECT_EQ(spec->lora.rank, 4);
    EXPECT_EQ(spec->lora.alpha, 32);
    EXPECT_TRUE(spec->lora.rank_stabilised);
    EXPECT_THAT(spec->lora.targets, ElementsAre("q_proj", "v_proj"));
    EXPECT_EQ(spec->optimizer.schedule, Schedule::kConstant);
    EXPECT_EQ(spec->optimizer.warmup_steps, 7);
    EXPECT_EQ(spec->optimizer.final_fraction, 0.5);
    EXPECT_EQ(spec->batch.accumulate, 5);
    EXPECT_EQ(spec->time_budget_s, 180.5);
    EXPECT_EQ(spec->checkpoints_kept, 4);
    EXPECT_EQ(spec->eval_sequences, 11);
    EXPECT_EQ(spec->seed, 99U);
    EXPECT_EQ(spec->heldout.size(), 1U);
}

TEST(Spec, NamesTheKeyThatIsWrong) {
    expect_refused("[]", "must be a JSON object");
    expect_refused("{}", "'task'");
    expect_refused(R"({"task":"dream","data":{"train":["a"]},"steps":1})", "'task'");
    expect_refused(R"({"task":"pretrain","steps":1})", "'data.train'");
    expect_refused(R"({"task":"pretrain","data":{"train":"a"},"steps":1})", "'data.train'");
    expect_refused(R"({"task":"pretrain","data":{"train":["a",3]},"steps":1})", "'data.train'");
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]}})", "'steps' is 0");
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]},"steps":-1})", "'steps'");
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]},"steps":1.5})", "'steps'");
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]},"steps":1,"threads":0})", "'threads'");
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]},"steps":1,"optimizer":7})", "'optimizer'");
    expect_refused(
        R"({"task":"pretrain","data":{"train":["a"]},"steps":1,"optimizer":{"schedule":"step"}})",
        "'optimizer.schedule'"
    );
    expect_refused(
        R"({"task":"pretrain","data":{"train":["a"]},"steps":1,"optimizer":{"learning_rate":"fast"}})",
        "'optimizer.learning_rate'"
    );
}

TEST(Spec, RefusesUnknownKeysAndListsTheKnown) {
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]},"stepz":1,"steps":1})", "'stepz' is unknown");
    expect_refused(
        R"({"task":"pretrain","data":{"train":["a"]},"steps":1,"batch":{"size":1}})",
        "'batch.size' is unknown; known are: sequences, sequence_tokens, accumulate"
    );
}

TEST(Spec, RefusesShapesThatDoNotGoTogether) {
    const auto with_model = [](std::string_view model) {
        return fmt::format(R"({{"task":"pretrain","data":{{"train":["a"]}},"steps":1,"model":{}}})", model);
    };
    expect_refused(with_model(R"({"num_attention_heads":4,"num_key_value_heads":3})"), "num_key_value_heads");
    expect_refused(with_model(R"({"hidden_size":12,"num_attention_heads":4})"), "head_dim");
    expect_refused(with_model(R"({"hidden_size":0})"), "model.hidden_size");
    expect_refused(with_model(R"({"num_hidden_layers":100000})"), "num_hidden_layers");
    expect_refused(with_model(R"({"rope_theta":1})"), "rope_theta");
    expect_refused(with_model(R"({"max_position_embeddings":100})"), "max_position_embeddings");
    expect_refused(
        with_model(
            R"({"vocab_size":1000000,"hidden_size":16384,"intermediate_size":65536,"num_hidden_layers":200,"num_attention_heads":64})"
        ),
        "parameters"
    );
}

TEST(Spec, RefusesWhatBelongsToTheOtherTask) {
    expect_refused(R"({"task":"lora","data":{"train":["a"]},"steps":1})", "'base_model'");
    expect_refused(R"({"task":"pretrain","data":{"train":["a"]},"steps":1,"lora":{}})", "'lora'");
    expect_refused(
        R"({"task":"lora","base_model":"/b","model":{},"data":{"train":["a"]},"steps":1})", "'model'"
    );
    expect_refused(
        R"({"task":"lora","base_model":"/b","lora":{"targets":["lm_head"]},"data":{"train":["a"]},"steps":1})",
        "'lora.targets'"
    );
    expect_refused(
        R"({"task":"lora","base_model":"/b","lora":{"targets":[]},"data":{"train":["a"]},"steps":1})",
        "'lora.targets'"
    );
}

TEST(ModelConfig, ReadsBackWhatItWrote) {
    ModelShape shape;
    shape.kv_heads = 1;
    shape.rope_theta = 500'000;
    shape.tie_word_embeddings = false;
    const auto read = read_model_config(model_config(shape, {0, 4}));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, shape);
}

TEST(ModelConfig, ReadsTheNewerRopeParameters) {
    Json config = model_config({}, {});
    config.set("rope_theta", nullptr);
    config.set("rope_parameters", Json::object({{"rope_type", "default"}, {"rope_theta", 12345.0}}));
    EXPECT_EQ(read_model_config(config)->rope_theta, 12345);
}

TEST(ModelConfig, RefusesWhatItWouldComputeWrongly) {
    const std::vector<std::pair<std::string, Json>> changes{
        {"architectures", Json::array({"GPT2LMHeadModel"})},
        {"model_type", "mistral"},
        {"hidden_act", "gelu"},
        {"attention_bias", true},
        {"mlp_bias", true},
        {"rope_scaling", Json::object({{"rope_type", "yarn"}})},
        {"rope_scaling", Json::object({{"type", "linear"}})},
        {"rope_parameters", Json::object({{"rope_type", "llama3"}})},
    };
    for (const auto& [key, value] : changes) {
        Json config = model_config({}, {});
        config.set(key, value);
        const auto shape = read_model_config(config);
        ASSERT_FALSE(shape) << key;
        EXPECT_THAT(shape.error().message, HasSubstr(key));
    }
}

}  // namespace
}  // namespace capstan::trainer
