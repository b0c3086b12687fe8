#include "evaluation/verdict.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace capstan::evaluation {
namespace {

// `documents` documents of ten tokens and forty bytes each, with so many nats a token (and a little spread),
// and answers with these scores.
TargetScores target(
    std::string label, double nats_a_token, const std::vector<double>& rouge_l, int documents = 20
) {
    TargetScores made{.label = std::move(label), .texts = {}, .answers = {}};
    for (int i = 0; i < documents; ++i) {
        made.texts.tokens.push_back(10);
        made.texts.bytes.push_back(40);
        made.texts.negative_log_likelihoods.push_back(10 * nats_a_token + (i % 2 == 0 ? 0.5 : -0.5));
    }
    made.answers.rouge_l = rouge_l;
    made.answers.answers.assign(rouge_l.size(), "answer");
    return made;
}

std::vector<double> scores(int count, double mean) {
    std::vector<double> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(mean + (i % 5 - 2) * 0.02);
    }
    return all;
}

Json verdict(const std::vector<TargetScores>& targets, const EvaluationSpec& spec = {}) {
    auto made = verdict_of(targets, spec);
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(Json());
}

bool passed(const Json& verdict) {
    return verdict["gate"].bool_or("passed", false);
}

TEST(Verdict, GivesEachMetricItsInterval) {
    const Json json = verdict({target("base", 2.0, scores(50, 0.3))});
    const Json& metrics = json["targets"].as_array()->front()["metrics"];
    EXPECT_NEAR(metrics["perplexity"].double_or("value", 0), std::exp(2.0), 1e-9);
    EXPECT_NEAR(metrics["bits_per_byte"].double_or("value", 0), 20 / 40.0 / std::log(2.0), 1e-9);
    EXPECT_NEAR(metrics["rouge_l"].double_or("value", 0), 0.3, 1e-9);
    for (const char* name : {"perplexity", "bits_per_byte", "rouge_l"}) {
        const Json& interval = metrics[name];
        EXPECT_LT(interval.double_or("low", 9), interval.double_or("value", 0)) << name;
        EXPECT_GT(interval.double_or("high", 0), interval.double_or("value", 9)) << name;
    }
}

TEST(Verdict, PassesACandidateThatAnswersBetterAndReadsAboutAsWell) {
    const Json json =
        verdict({target("base", 2.0, scores(50, 0.3)), target("adapted", 2.1, scores(50, 0.5))});
    EXPECT_TRUE(passed(json)) << json.dump();
    EXPECT_EQ(json["gate"]["rules"].as_array()->size(), 2U);
    EXPECT_NEAR(json["comparison"].double_or("difference", 0), 0.2, 1e-9);
    EXPECT_LE(json["comparison"].double_or("p_value", 1), 0.05);
    EXPECT_LE(json["comparison"].double_or("low", 1), 0.2 + 1e-9);
    EXPECT_GE(json["comparison"].double_or("high", 0), 0.2 - 1e-9);
}

TEST(Verdict, FailsACandidateThatAnswersNoBetter) {
    const auto base = target("base", 2.0, scores(50, 0.3));
    EXPECT_FALSE(passed(verdict({base, target("adapted", 2.0, scores(50, 0.3))})));
    EXPECT_FALSE(passed(verdict({base, target("adapted", 2.0, scores(50, 0.1))}))) << "worse, surely";
}

TEST(Verdict, FailsACandidateThatUnlearnedToRead) {
    const auto base = target("base", 2.0, scores(50, 0.3));
    const auto better = scores(50, 0.5);
    EXPECT_FALSE(passed(verdict({base, target("adapted", 3.0, better)}))) << "e times the perplexity";
    EXPECT_TRUE(passed(verdict({base, target("adapted", 3.0, better)}, {.gate = {0.05, 3.0}})));
    EXPECT_FALSE(passed(verdict({base, target("adapted", 2.0, better, 0)}))) << "it was not measured";
    EXPECT_FALSE(passed(verdict({base, target("adapted", 1000, better)}))) << "its perplexity is infinite";
}

TEST(Verdict, AGateThatComparedNothingHasNotPassed) {
    EXPECT_FALSE(passed(verdict({target("base", 2.0, scores(50, 0.3))})));
    EXPECT_FALSE(passed(verdict({target("base", 2.0, {}, 0), target("adapted", 2.0, {}, 0)})));
}

TEST(Verdict, ComparesTheFirstWithTheLast) {
    const Json json = verdict(
        {target("base", 2.0, scores(20, 0.3)),
         target("between", 2.0, scores(20, 0.9)),
         target("adapted", 2.0, scores(20, 0.4))}
    );
    EXPECT_NEAR(json["comparison"].double_or("difference", 0), 0.1, 1e-9);
    EXPECT_EQ(json["targets"].as_array()->size(), 3U);
}

TEST(Verdict, TheSameSeedGivesTheSameNumbers) {
    const std::vector targets = {target("a", 2.0, scores(30, 0.3)), target("b", 2.0, scores(30, 0.32))};
    EXPECT_EQ(verdict(targets, {.seed = 5}), verdict(targets, {.seed = 5}));
    EXPECT_NE(verdict(targets, {.seed = 5}), verdict(targets, {.seed = 6}));
}

TEST(Verdict, RefusesScoresThatAreNoNumbers) {
    auto broken = target("a", 2.0, scores(10, 0.3));
    broken.texts.negative_log_likelihoods[3] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(verdict_of({broken}, {}));
}

}  // namespace
}  // namespace capstan::evaluation
