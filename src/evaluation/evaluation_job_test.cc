// The whole job, on tiny models with random weights.

#include "evaluation/evaluation_job.h"

#include <gtest/gtest.h>

#include "engine/model/random_model.h"
#include "platform/process/process_test_kit.h"

namespace capstan::evaluation {
namespace {

class EvaluationJobTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(engine::write_random_model(folder_ / "model", {}));
        ASSERT_TRUE(engine::write_random_adapter(folder_ / "adapter", {.seed = 9}, 4));
        std::string texts;
        std::string pairs;
        for (int i = 0; i < 12; ++i) {
            const std::string n = std::to_string(i);
            texts +=
                Json::object({{"id", n}, {"text", "Page " + n + " of the manual, about ls."}}).dump() + "\n";
            pairs += Json::object({{"id", n}, {"question", "What is " + n + "?"}, {"answer", "A number."}})
                         .dump() +
                     "\n";
        }
        ASSERT_TRUE(replace_file(folder_ / "texts.jsonl", texts));
        ASSERT_TRUE(replace_file(folder_ / "pairs.jsonl", pairs));
    }

    Json spec() const {
        return Json::object(
            {{"targets",
              Json::array(
                  {Json::object({{"label", "base"}, {"model_dir", (folder_ / "model").string()}}),
                   Json::object(
                       {{"label", "adapted"},
                        {"model_dir", (folder_ / "model").string()},
                        {"adapter_dir", (folder_ / "adapter").string()}}
                   )}
              )},
             {"heldout", Json::array({(folder_ / "texts.jsonl").string()})},
             {"pairs", Json::array({(folder_ / "pairs.jsonl").string()})},
             {"questions_max", 10},
             {"answer_tokens_max", 12},
             {"threads", 1}}
        );
    }

    JobDirectory job(const std::string& name, const Json& spec) const {
        JobDirectory directory(folder_ / name);
        EXPECT_TRUE(directory.create(spec));
        return directory;
    }

    const process::TestFolder folder_;
};

TEST_F(EvaluationJobTest, MeasuresComparesAndJudges) {
    const auto directory = job("job", spec());
    const auto result = run_evaluation_job(directory);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ((*result)["targets"].as_array()->size(), 2U);
    for (const Json& target : *(*result)["targets"].as_array()) {
        // Random weights know nothing: about as many choices as there are tokens.
        EXPECT_GT(target["metrics"]["perplexity"].double_or("value", 0), 50);
        EXPECT_GT(target["metrics"]["bits_per_byte"].double_or("value", 0), 0);
        EXPECT_GE(target["metrics"]["rouge_l"].double_or("value", -1), 0);
    }
    EXPECT_FALSE((*result)["gate"].bool_or("passed", true));
    EXPECT_EQ((*result)["comparison"].int_or("questions", 0), 10);
    EXPECT_EQ(result->int_or("documents", 0), 12);
    ASSERT_EQ((*result)["samples"].as_array()->size(), 10U);
    const Json& sample = (*result)["samples"].as_array()->front();
    EXPECT_TRUE(sample["answers"]["base"].is_string());
    EXPECT_NE(sample["answers"]["base"], sample["answers"]["adapted"]);
    std::uint64_t offset = 0;
    const auto reports = directory.read_progress(offset);
    ASSERT_TRUE(reports && !reports->empty());
    EXPECT_EQ(reports->back().steps_total, 20);
    EXPECT_EQ(reports->back().step, 20);
}

TEST_F(EvaluationJobTest, SaysWhatIsWrong) {
    EXPECT_EQ(run_evaluation_job(JobDirectory(folder_ / "none")).error().code, ErrorCode::kNotFound);
    Json no_model = spec();
    no_model.set(
        "targets", Json::array({Json::object({{"label", "base"}, {"model_dir", (folder_ / "no").string()}})})
    );
    const auto missing = run_evaluation_job(job("a", no_model));
    ASSERT_FALSE(missing);
    EXPECT_TRUE(missing.error().message.starts_with("base")) << missing.error().message;
    Json nothing = spec();
    nothing.set("pairs", Json::array());
    nothing.set("heldout", Json::array({(folder_ / "pairs.jsonl").string()}));
    EXPECT_EQ(run_evaluation_job(job("b", nothing)).error().code, ErrorCode::kInvalid);
}

// Runs in a process of its own, for RunsAgainAfterKillNine.
TEST(EvaluationJobChild, DISABLED_Runs) {
    const JobDirectory directory(process::variable("JOB"));
    EXPECT_TRUE(directory.write_result(run_evaluation_job(directory)));
}

TEST_F(EvaluationJobTest, RunsAgainAfterKillNineWithTheSameNumbers) {
    const auto undisturbed = run_evaluation_job(job("undisturbed", spec()));
    ASSERT_TRUE(undisturbed);
    const auto directory = job("killed", spec());
    const std::vector<std::pair<std::string, std::string>> variables = {{"JOB", directory.path().string()}};
    {
        process::HelperProcess child("EvaluationJobChild.DISABLED_Runs", variables);
        EXPECT_TRUE(process::eventually([&] {
            return folder_.read("killed/progress.jsonl").contains("answering");
        }));
        child.kill();
    }
    process::HelperProcess child("EvaluationJobChild.DISABLED_Runs", variables);
    EXPECT_EQ(child.wait(), 0);
    const auto result = directory.read_result();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->dump(), undisturbed->dump());
}

}  // namespace
}  // namespace capstan::evaluation
