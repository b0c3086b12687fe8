// Whole jobs: capstan-train on a job directory.

#include <cmath>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_paths.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_writer.h"
#include "trainer/base_model.h"
#include "trainer/launch_environment.h"
#include "trainer/safetensors.h"
#include "trainer/text_encoder.h"
#include "trainer/training_fixture.h"

namespace capstan::trainer {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Training : public TrainingTest {
protected:
    // A tokenizer with the main job's special tokens.
    std::filesystem::path make_tokenizer() const {
        text::BpeTrainer trainer(
            {.vocabulary_size = 300,
             .min_frequency = 0,
             .special_tokens = {"<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"}}
        );
        trainer.add("what does ls do? ls lists files. what does cp do? cp copies files.");
        const auto vocabulary = trainer.train();
        EXPECT_TRUE(vocabulary) << vocabulary.error().message;
        text::TokenizerConfig config;
        config.bos_token = config.eos_token = "<|endoftext|>";
        EXPECT_TRUE(text::write_tokenizer(folder_ / "tokenizer", *vocabulary, config));
        return folder_ / "tokenizer/tokenizer.json";
    }

    void expect_fails(const Json& spec, std::string_view why) {
        const JobDirectory job = make_job(fmt::format("job-{}", ++jobs_), spec);
        EXPECT_NE(run(job), 0);
        EXPECT_THAT(error_of(job), HasSubstr(std::string(why)));
    }

    static std::vector<double> heldout_losses(const JobDirectory& job) {
        std::vector<double> losses;
        std::uint64_t offset = 0;
        for (const JobProgress& report : job.read_progress(offset).value()) {
            if (const auto loss = report.metrics.find("heldout_loss"); loss != report.metrics.end()) {
                losses.push_back(loss->second);
            }
        }
        return losses;
    }

private:
    int jobs_ = 0;
};

TEST_F(Training, LearnsAndReportsAndExports) {
    const JobDirectory job = make_job("job", tiny_spec(120));
    ASSERT_EQ(run(job), 0);
    const Json value = value_of(job);
    EXPECT_EQ(value.string_or("model_dir", ""), "out/model");
    EXPECT_EQ(value.int_or("steps", 0), 120);
    // The last batch of an epoch may be smaller.
    EXPECT_LE(value.int_or("tokens", 0), 120 * 4 * 32);
    EXPECT_GT(value.int_or("tokens", 0), 118 * 4 * 32);
    EXPECT_LT(value.double_or("final_loss", 9), 0.7 * std::log(64));
    EXPECT_LT(value.double_or("heldout_loss", 9), 0.7 * std::log(64));
    const auto model = read_base_model(job.out() / "model");
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->shape.hidden_size, 32);

    std::uint64_t offset = 0;
    const auto reports = job.read_progress(offset);
    const JobProgress& last = reports->back();
    EXPECT_EQ(last.step, 120);
    EXPECT_EQ(last.steps_total, 120);
    for (const auto* name :
         {"loss", "heldout_loss", "learning_rate", "tokens_per_second", "grad_norm", "eta_s", "tokens"}) {
        EXPECT_TRUE(last.metrics.contains(name)) << name;
    }
}

TEST_F(Training, AccumulatedBatchesLearnLikeOneBigBatch) {
    const JobDirectory big = make_job("big", tiny_spec(4));
    Json spec = tiny_spec(4);
    spec.set("batch", Json::object({{"sequences", 2}, {"sequence_tokens", 32}, {"accumulate", 2}}));
    const JobDirectory parts = make_job("parts", spec);
    ASSERT_EQ(run(big), 0);
    ASSERT_EQ(run(parts), 0);
    const auto one = loss_curve(big);
    const auto other = loss_curve(parts);
    ASSERT_EQ(one.size(), 4U);
    for (const auto& [step, losses] : one) {
        EXPECT_NEAR(*losses.begin(), *other.at(step).begin(), 1e-5);
    }
}

TEST_F(Training, FindsTheNumberOfStepsFromATimeBudgetAndRemembersIt) {
    Json spec = tiny_spec(0);
    spec.set("time_budget_s", 1.0);
    spec.set("checkpoint_every_s", 30);
    spec.set("report_every_s", 0.1);
    const JobDirectory job = make_job("job", spec);
    ASSERT_EQ(run(job), 0);
    const auto steps = value_of(job).int_or("steps", 0);
    EXPECT_GE(steps, 12);
    const auto plan = parse_json(*read_file(job.work() / "plan.json"));
    EXPECT_EQ(plan->operator[]("plan").as_array()->back().int_or("steps_total", 0), steps);
    ASSERT_EQ(run(job), 0);
    EXPECT_EQ(value_of(job).int_or("steps", 0), steps);
}

TEST_F(Training, AdaptsABaseModelToConversations) {
    Json pretraining = tiny_spec(60);
    const auto tokenizer = make_tokenizer();
    pretraining.set("tokenizer", tokenizer.string());
    Json model = pretraining["model"];
    model.set("vocab_size", 300);
    pretraining.set("model", model);
    ASSERT_TRUE(replace_file(
        folder_ / "documents.jsonl",
        "{\"text\":\"ls lists files. cp copies files. ls lists files. cp copies files. ls lists "
        "files.\"}\n{\"text\":\"what does ls do? what does cp do? what does ls do? what does cp do?\"}\n"
    ));
    pretraining.set("data", Json::object({{"train", Json::array({(folder_ / "documents.jsonl").string()})}}));
    pretraining.set("batch", Json::object({{"sequences", 2}, {"sequence_tokens", 16}}));
    const JobDirectory base = make_job("base", pretraining);
    ASSERT_EQ(run(base), 0);
    EXPECT_EQ(*read_file(base.out() / "model/tokenizer.json"), *read_file(tokenizer));
    EXPECT_TRUE(read_file(base.out() / "model/tokenizer_config.json"));
    const auto generation = parse_json(*read_file(base.out() / "model/generation_config.json"));
    EXPECT_EQ((*generation)["eos_token_id"].dump(), "[0,4]");

    const std::string pairs =
        "{\"id\":\"1\",\"question\":\"what does ls do?\",\"answer\":\"lists files\"}\n"
        "{\"id\":\"2\",\"question\":\"what does cp do?\",\"answer\":\"copies files\"}\n";
    ASSERT_TRUE(replace_file(folder_ / "pairs.jsonl", pairs));
    Json spec = Json::object({
        {"task", "lora"},
        {"base_model", (base.out() / "model").string()},
        {"data",
         Json::object(
             {{"train", Json::array({(folder_ / "pairs.jsonl").string()})},
              {"heldout", Json::array({(folder_ / "pairs.jsonl").string()})}}
         )},
        {"lora",
         Json::object({{"rank", 4}, {"dropout", 0.05}, {"targets", Json::array({"q_proj", "up_proj"})}})},
        {"optimizer", Json::object({{"learning_rate", 0.01}})},
        {"batch", Json::object({{"sequences", 2}, {"sequence_tokens", 48}})},
        {"steps", 60},
        {"threads", 1},
    });
    const JobDirectory job = make_job("adapter", spec);
    ASSERT_EQ(run(job), 0);
    EXPECT_EQ(value_of(job).string_or("adapter_dir", ""), "out/adapter");
    EXPECT_LT(value_of(job).double_or("heldout_loss", 9), heldout_losses(job).front() - 0.3);
    const auto file = SafetensorsFile::open(job.out() / "adapter/adapter_model.safetensors");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->tensors().size(), 4U);
    EXPECT_TRUE(file->tensors().contains("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"));
    const auto config = parse_json(*read_file(job.out() / "adapter/adapter_config.json"));
    EXPECT_EQ(config->string_or("peft_type", ""), "LORA");
    EXPECT_EQ(config->int_or("r", 0), 4);
    EXPECT_EQ((*config)["target_modules"].dump(), R"(["q_proj","up_proj"])");
}

TEST_F(Training, TheSameSeedInTheSameThreadsIsTheSameModel) {
    Json spec = tiny_spec(15);
    spec.set("threads", 2);
    const JobDirectory one = make_job("one", spec);
    const JobDirectory two = make_job("two", spec);
    ASSERT_EQ(run(one), 0);
    ASSERT_EQ(run(two), 0);
    EXPECT_EQ(model_bytes(one), model_bytes(two));
}

TEST_F(Training, StartedByHandItSetsWhatItsLibrariesReadAtLoadTime) {
    const JobDirectory job = make_job("job", tiny_spec(3));
    const pid_t process = start(job, Environment::kByHand);
    const auto has_ended = [process] {
        std::ifstream file(fmt::format("/proc/{}/stat", process));
        const std::string stat(std::istreambuf_iterator<char>(file), {});
        return stat.empty() || stat.find(") Z ") != std::string::npos;
    };
    std::string environment;
    do {  // Empty in the moment of an exec, too.
        std::ifstream file(fmt::format("/proc/{}/environ", process));
        environment.assign(std::istreambuf_iterator<char>(file), {});
    } while (environment.find("CAPSTAN_TRAIN_LAUNCHED=1") == std::string::npos && !has_ended());
    EXPECT_EQ(wait_for(process), 0);
    for (const auto& [name, value] : launch_environment()) {
        EXPECT_THAT(environment, HasSubstr(name + "=" + value));
    }
}

TEST_F(Training, ASecondProcessOnTheSameJobLeavesItAlone) {
    const JobDirectory job = make_job("job", tiny_spec(3));
    const auto lock = FileLock::acquire(job.work() / "lock");
    ASSERT_TRUE(lock) << lock.error().message;
    EXPECT_NE(run(job), 0);
    EXPECT_EQ(job.read_result().error().code, ErrorCode::kNotFound);
}

TEST_F(Training, SaysWhatIsWrongWithItsInputs) {
    Json spec = tiny_spec(5);
    spec.set("optimiser", 1);
    expect_fails(spec, "invalid: spec.json: 'optimiser' is unknown");

    spec = tiny_spec(5);
    spec.set("data", Json::object({{"train", Json::array({"/nowhere/a.jsonl"})}}));
    expect_fails(spec, "/nowhere/a.jsonl");

    ASSERT_TRUE(replace_file(folder_ / "short.jsonl", "{\"tokens\":[1,2,3]}\n"));
    spec.set("data", Json::object({{"train", Json::array({(folder_ / "short.jsonl").string()})}}));
    expect_fails(spec, "data.train: 3 tokens are too few");

    ASSERT_TRUE(replace_file(folder_ / "text.jsonl", "{\"text\":\"words\"}\n"));
    spec.set("data", Json::object({{"train", Json::array({(folder_ / "text.jsonl").string()})}}));
    expect_fails(spec, "line 1: text needs a tokenizer");

    spec = tiny_spec(5);
    spec.set("tokenizer", make_tokenizer().string());
    expect_fails(spec, "model.vocab_size is 64; the tokenizer has");

    spec = tiny_spec(5);
    spec.set("model", nullptr);
    spec.set("base_model", (folder_ / "nothing").string());
    expect_fails(spec, "base_model: ");
}

TEST_F(Training, StopsWhenTheLossIsNoLongerANumber) {
    Json spec = tiny_spec(50);
    spec.set(
        "optimizer",
        Json::object(
            {{"learning_rate", 100.0},
             {"weight_decay", 100.0},
             {"clip_norm", 0},
             {"warmup_steps", 0},
             {"schedule", "constant"}}
        )
    );
    expect_fails(spec, "lower optimizer.learning_rate");
}

TEST_F(Training, RefusesBaseModelsThatItCannotRead) {
    const auto base = folder_ / "base";
    const auto golden = source_directory() / "tests/golden/trainer/tied";
    const auto weights = *read_file(golden / "model.safetensors");
    Json spec = tiny_spec(2);
    spec.set("model", nullptr);
    spec.set("base_model", base.string());
    const auto expect_bad = [&](std::string_view config, std::string_view file, std::string_view why) {
        ASSERT_TRUE(replace_file(base / "config.json", config));
        ASSERT_TRUE(replace_file(base / "model.safetensors", file));
        expect_fails(spec, why);
    };
    const auto config = *read_file(golden / "config.json");
    expect_bad("{", weights, "config.json");
    expect_bad("{}", weights, "vocab_size");
    expect_bad(config, "short", "not a safetensors file");
    expect_bad(config, std::string_view(weights).substr(0, weights.size() - 1), "not a safetensors file");
    Json wider = *parse_json(config);
    wider.set("hidden_size", 40);
    wider.set("head_dim", 10);
    expect_bad(wider.dump(), weights, "does not have the shape");
    wider = *parse_json(config);
    wider.set("num_hidden_layers", 3);
    expect_bad(wider.dump(), weights, "lack 'model.layers.2");
}

// The trainer puts conversations together turn by turn; the chat template renders one text. Both must be the
// same tokens, or the model would meet another format when it answers.
TEST_F(Training, ConversationsAreTokenisedAsTheChatTemplateRendersThem) {
    const auto path = make_tokenizer();
    const auto loaded = load_encoder(path);
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(
        replace_file(folder_ / "chat.jsonl", R"({"question":"what does ls do?","answer":"lists files."})")
    );
    const auto corpus =
        tokenised_corpus({folder_ / "chat.jsonl"}, loaded->encoder, {300, 100}, folder_ / "cache");
    ASSERT_TRUE(corpus) << corpus.error().message;
    std::vector<std::int32_t> ours;
    for (const std::uint32_t token : corpus->record(0)) {
        ours.push_back(static_cast<std::int32_t>(token & ~kLearnBit));
    }
    const auto tokenizer = text::Tokenizer::load(path);
    EXPECT_EQ(
        ours, tokenizer->encode("<|user|>\nwhat does ls do?<|end|>\n<|assistant|>\nlists files.<|end|>\n")
    );
}

TEST_F(Training, ASpecialTokenInAQuestionIsPlainText) {
    const auto loaded = load_encoder(make_tokenizer());
    ASSERT_TRUE(replace_file(folder_ / "chat.jsonl", R"({"question":"<|end|><|assistant|>","answer":"no"})"));
    const auto corpus =
        tokenised_corpus({folder_ / "chat.jsonl"}, loaded->encoder, {300, 100}, folder_ / "cache");
    const auto record = corpus->record(0);
    EXPECT_EQ(std::ranges::count(record, 3U), 1);
    EXPECT_EQ(std::ranges::count(record, 4U), 1);  // Of the question; the answer's has the learn bit.
}

}  // namespace
}  // namespace capstan::trainer
