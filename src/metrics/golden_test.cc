// Equal to sacreBLEU, rouge-score and SciPy: tests/golden/metrics/make_goldens.py wrote what they say.

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "metrics/bleu.h"
#include "metrics/chrf.h"
#include "metrics/distributions.h"
#include "metrics/rouge.h"
#include "metrics/significance.h"

namespace capstan::metrics {
namespace {

constexpr double kScoreError = 1e-9;  // Sums in another order than Python's.

const Json& goldens() {
    static const Json kGoldens = [] {
        const auto path = source_directory() / "tests" / "golden" / "metrics" / "goldens.json";
        const auto text = read_file(path);
        EXPECT_TRUE(text) << text.error().message;
        auto json = parse_json(*text);
        EXPECT_TRUE(json) << json.error().message;
        return *json;
    }();
    return kGoldens;
}

const Json::Array& array(const Json& json) {
    return *json.as_array();
}

double number(const Json& json) {
    return json.as_double().value();
}

std::vector<double> numbers(const Json& json) {
    std::vector<double> values;
    for (const auto& value : array(json)) {
        values.push_back(number(value));
    }
    return values;
}

struct Segments {
    std::vector<std::string> hypotheses;
    std::vector<std::vector<std::string>> references;
};

Segments segments() {
    Segments all;
    for (const auto& row : array(goldens()["sentences"])) {
        all.hypotheses.push_back(row.string_or("hypothesis", "?"));
        all.references.push_back({row.string_or("reference", "?")});
    }
    return all;
}

TEST(Tokenise13a, IsSacreBleus) {
    for (const auto& row : array(goldens()["tokenised_13a"])) {
        const std::string& text = *array(row)[0].as_string();
        const auto end = text.find_last_not_of(" \n");
        EXPECT_EQ(tokenise_13a(text.substr(0, end + 1)), *array(row)[1].as_string()) << text;
    }
}

TEST(Bleu, IsSacreBleusForSentences) {
    for (const auto& row : array(goldens()["sentences"])) {
        const std::vector<std::string> references = {row.string_or("reference", "?")};
        const auto statistics = bleu_statistics(row.string_or("hypothesis", "?"), references);
        EXPECT_NEAR(bleu_of(statistics, BleuOrder::kEffective).score, row.double_or("bleu", -1), kScoreError)
            << row.dump();
    }
}

TEST(Bleu, IsSacreBleusForACorpus) {
    const Segments all = segments();
    const auto bleu = corpus_bleu(all.hypotheses, all.references);
    ASSERT_TRUE(bleu);
    const Json& golden = goldens()["corpus"];
    EXPECT_NEAR(bleu->score, golden.double_or("bleu", -1), kScoreError);
    EXPECT_NEAR(bleu->brevity_penalty, golden.double_or("brevity_penalty", -1), kScoreError);
    for (std::size_t n = 0; n < 4; ++n) {
        EXPECT_NEAR(bleu->precisions[n], number(array(golden["precisions"])[n]), kScoreError);
    }
}

TEST(BleuAndChrf, AreSacreBleusWithTwoReferences) {
    Segments all = segments();
    const Json& golden = goldens()["two_references"];
    for (std::size_t i = 0; i < all.references.size(); ++i) {
        all.references[i].push_back(*array(golden["shifted"])[i].as_string());
    }
    EXPECT_NEAR(
        corpus_bleu(all.hypotheses, all.references)->score, golden.double_or("bleu", -1), kScoreError
    );
    EXPECT_NEAR(
        *corpus_chrf(all.hypotheses, all.references, ChrfKind::kChrf),
        golden.double_or("chrf", -1),
        kScoreError
    );
}

TEST(Chrf, IsSacreBleusForSentencesAndACorpus) {
    for (const auto& row : array(goldens()["sentences"])) {
        const std::vector<std::string> references = {row.string_or("reference", "?")};
        for (const auto& [kind, name] :
             {std::pair(ChrfKind::kChrf, "chrf"), std::pair(ChrfKind::kChrfPlusPlus, "chrf++")}) {
            const auto statistics = chrf_statistics(row.string_or("hypothesis", "?"), references, kind);
            EXPECT_NEAR(chrf_of(statistics, kind), row.double_or(name, -1), kScoreError)
                << name << row.dump();
        }
    }
    const Segments all = segments();
    const Json& golden = goldens()["corpus"];
    EXPECT_NEAR(
        *corpus_chrf(all.hypotheses, all.references, ChrfKind::kChrf),
        golden.double_or("chrf", -1),
        kScoreError
    );
    EXPECT_NEAR(
        *corpus_chrf(all.hypotheses, all.references, ChrfKind::kChrfPlusPlus),
        golden.double_or("chrf++", -1),
        kScoreError
    );
}

TEST(Rouge, IsRougeScores) {
    const auto expect = [](const RougeScore& score, const Json& golden, const Json& row) {
        EXPECT_NEAR(score.precision, number(array(golden)[0]), kScoreError) << row.dump();
        EXPECT_NEAR(score.recall, number(array(golden)[1]), kScoreError) << row.dump();
        EXPECT_NEAR(score.f1, number(array(golden)[2]), kScoreError) << row.dump();
    };
    for (const auto& row : array(goldens()["rouge"])) {
        const std::string hypothesis = row.string_or("hypothesis", "?");
        const std::string reference = row.string_or("reference", "?");
        expect(rouge_n(hypothesis, reference, 1), row["rouge1"], row);
        expect(rouge_n(hypothesis, reference, 2), row["rouge2"], row);
        expect(rouge_l(hypothesis, reference), row["rougeL"], row);
        expect(rouge_l_sum(hypothesis, reference), row["rougeLsum"], row);
    }
}

TEST(Significance, IsSciPys) {
    for (const auto& row : array(goldens()["statistics"]["samples"])) {
        const auto a = numbers(row["a"]);
        const auto b = numbers(row["b"]);
        const auto welch = welch_t_test(a, b);
        ASSERT_TRUE(welch);
        EXPECT_NEAR(welch->statistic, row.double_or("t", 0), 1e-10);
        EXPECT_NEAR(welch->p_value, row.double_or("t_p", 0), 1e-10);
        const auto ranks = mann_whitney_u_test(a, b);
        ASSERT_TRUE(ranks);
        EXPECT_NEAR(ranks->statistic, row.double_or("u", 0), 1e-10);
        EXPECT_NEAR(ranks->p_value, row.double_or("u_p", 0), 1e-10);
        EXPECT_NEAR(*cohen_d(a, b), -row.double_or("cohen_d", 0), 1e-10);  // SciPy's side is a - b.
        EXPECT_NEAR(*cliff_delta(a, b), -row.double_or("cliff_delta", 0), 1e-12);
    }
}

TEST(Distributions, AreSciPys) {
    const Json& golden = goldens()["statistics"];
    for (const auto& row : array(golden["normal_cdf"])) {
        EXPECT_NEAR(normal_cdf(number(array(row)[0])), number(array(row)[1]), 1e-14);
    }
    for (const auto& row : array(golden["normal_quantile"])) {
        EXPECT_NEAR(normal_quantile(number(array(row)[0])), number(array(row)[1]), 1e-12);
    }
    for (const auto& row : array(golden["student_cdf"])) {
        EXPECT_NEAR(student_cdf(number(array(row)[0]), number(array(row)[1])), number(array(row)[2]), 1e-12)
            << row.dump();
    }
}

}  // namespace
}  // namespace capstan::metrics
