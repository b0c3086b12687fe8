// Beam search: transformers' answers, in any company and with any memory.

#include <fstream>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_paths.h"
#include "engine/files/safetensors.h"
#include "engine/scheduling/test_engine.h"

namespace capstan::engine {
namespace {

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine";

template <typename T>
std::vector<T> golden(const std::filesystem::path& path, const std::string& name) {
    const auto file = SafetensorsFile::open(path);
    CHECK(file, file.error().message);
    const Tensor* tensor = file->find(name);
    std::vector<T> values(static_cast<std::size_t>(tensor->elements()));
    std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
    return values;
}

// The model in tied_f32, with other end tokens: every `step`th from 1 on; 0: none.
std::filesystem::path model_with_ends(int step) {
    const auto directory = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::create_directories(directory);
    std::filesystem::copy_file(kGolden / "tied_f32" / "model.safetensors", directory / "model.safetensors");
    std::string ends;
    for (int token = 1; step > 0 && token < 101; token += step) {
        ends += (ends.empty() ? "" : ", ") + std::to_string(token);
    }
    for (const char* name : {"config.json", "generation_config.json"}) {
        std::string text = *read_file(kGolden / "tied_f32" / name);
        const std::string old = "\"eos_token_id\": 0";
        text.replace(text.find(old), old.size(), "\"eos_token_id\": [" + (ends.empty() ? "0" : ends) + "]");
        CHECK(replace_file(directory / name, text), "a configuration is written");
    }
    return directory;
}

struct Case {
    std::string name;
    std::size_t beams = 1;
    std::int64_t tokens = 1;
    double length_penalty = 1;
    int end_step = 0;
    llm::EarlyStopping early_stopping = llm::EarlyStopping::kWhenNoneIsBetter;
};

// Those of make_beams.py.
const std::vector<Case> kCases = {
    {"plain", 4, 12, 1.0, 0},
    {"wide", 8, 9, 0.0, 0},
    {"ends", 4, 16, 1.0, 4},
    {"long", 3, 20, 2.0, 9},
    {"short", 5, 20, 0.5, 6},
    {"early", 4, 24, 2.0, 4, llm::EarlyStopping::kAtOnce},
    {"late", 4, 24, 2.0, 4, llm::EarlyStopping::kWhenNoneCanBeBetter},
    {"late_short", 3, 24, -1.0, 9, llm::EarlyStopping::kWhenNoneCanBeBetter},
};

SequenceRequest request_of(const Case& wanted) {
    SequenceRequest request = {
        .prompt = golden<llm::TokenId>(kGolden / "tied_f32" / "golden.safetensors", "prompt"),
        .completion_tokens_max = wanted.tokens,
    };
    request.beams = {.length_penalty = wanted.length_penalty, .early_stopping = wanted.early_stopping};
    request.ignore_end = wanted.end_step == 0;
    return request;
}

void expect_golden(const Case& wanted, const std::vector<std::shared_ptr<TokenChannel>>& channels) {
    const auto tokens = golden<llm::TokenId>(kGolden / "beams.safetensors", wanted.name + ".tokens");
    const auto scores = golden<float>(kGolden / "beams.safetensors", wanted.name + ".scores");
    const std::size_t longest = tokens.size() / wanted.beams;
    for (std::size_t beam = 0; beam < wanted.beams; ++beam) {
        std::vector<llm::TokenId> expected;
        for (std::size_t i = beam * longest; i < (beam + 1) * longest && tokens[i] >= 0; ++i) {
            expected.push_back(tokens[i]);
        }
        const Answer answer = read_all(*channels[beam]);
        EXPECT_EQ(answer.tokens, expected) << wanted.name << " " << beam;
        double sum = 0;
        for (const double log_probability : answer.log_probabilities) {
            sum += log_probability;
        }
        const double length = static_cast<double>(answer.tokens.size());
        const double score = sum / std::pow(length, wanted.length_penalty);
        EXPECT_NEAR(score / static_cast<double>(scores[beam]), 1, 2e-3) << wanted.name;
        ASSERT_TRUE(answer.outcome);
        const bool is_full = std::ssize(answer.tokens) == wanted.tokens;
        EXPECT_TRUE(is_full || *answer.outcome == llm::FinishReason::kStop);
    }
}

TEST(SchedulerBeams, AnswersAsTransformersDoes) {
    for (const Case& wanted : kCases) {
        TestEngine engine(
            200, {.step_target_us = 0}, TestEngine::Extras{.model = model_with_ends(wanted.end_step)}
        );
        const auto channels = engine.submit(request_of(wanted), wanted.beams);
        engine.run_all();
        expect_golden(wanted, channels);
        EXPECT_EQ(engine.scheduler().stats().prompt_tokens, 40);
        engine.expect_no_leak();
    }
}

TEST(SchedulerBeams, NeitherCompanyNorPreemptionChangesTheAnswer) {
    std::int64_t preemptions = 0;
    for (const std::int64_t blocks : {4, 5, 6, 8, 12}) {
        for (const Case& wanted : kCases) {
            TestEngine engine(
                blocks,
                {.running_max = 3,
                 .prefill_tokens_max = 24,
                 .step_target_us = 0,
                 .spill = {.bytes_max = blocks % 2 == 0 ? 0 : 1 << 20}},
                TestEngine::Extras{.model = model_with_ends(wanted.end_step)}
            );
            SequenceRequest other = {.prompt = {5, 6, 7}, .completion_tokens_max = 40};
            const auto first = engine.submit(other);
            engine.scheduler().step();
            const auto channels = engine.submit(request_of(wanted), wanted.beams);
            other.priority = -1;
            engine.scheduler().step();
            engine.scheduler().step();
            const auto second = engine.submit(other);
            engine.run_all();
            expect_golden(wanted, channels);
            preemptions += engine.scheduler().stats().preemptions;
            engine.expect_no_leak();
        }
    }
    EXPECT_GT(preemptions, 20);
}

TEST(SchedulerBeams, ASearchEndsAsAWhole) {
    std::int64_t now_ms = 0;
    TestEngine engine(200, {.step_target_us = 0}, [&] { return now_ms; });
    SequenceRequest request = {.prompt = {5, 6, 7}, .completion_tokens_max = 100};
    request.beams.emplace();
    request.ignore_end = true;
    const auto cancelled = engine.submit(request, 3);
    request.deadline_at_ms = 10;
    const auto late = engine.submit(request, 3);
    for (int i = 0; i < 5; ++i) {
        engine.scheduler().step();
    }
    EXPECT_EQ(engine.scheduler().stats().running, 6);
    cancelled[0]->cancel();
    engine.scheduler().step();
    EXPECT_EQ(engine.scheduler().stats().running, 6);  // Others may still want theirs.
    cancelled[1]->cancel();
    cancelled[2]->cancel();
    now_ms = 10;
    engine.scheduler().step();
    EXPECT_EQ(engine.scheduler().stats().running, 0);
    for (const auto& channel : cancelled) {
        EXPECT_EQ(read_all(*channel).outcome, llm::FinishReason::kCancelled);
    }
    for (const auto& channel : late) {
        EXPECT_EQ(read_all(*channel).outcome.error().code, ErrorCode::kCancelled);
    }
    engine.expect_no_leak();
}

}  // namespace
}  // namespace capstan::engine
