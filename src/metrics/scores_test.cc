// Scores of text and of log-probabilities, where no golden file is needed.

#include <cmath>
#include <limits>
#include <numbers>

#include <gtest/gtest.h>

#include "metrics/answers.h"
#include "metrics/bleu.h"
#include "metrics/chrf.h"
#include "metrics/likelihood.h"
#include "metrics/rouge.h"

namespace capstan::metrics {
namespace {

TEST(Perplexity, IsTheVocabularysSizeForAUniformModel) {
    const std::vector<float> log_probabilities(50, -std::log(4096.0F));
    const auto likelihood = likelihood_of(log_probabilities, 200);
    ASSERT_TRUE(likelihood);
    EXPECT_NEAR(*perplexity(*likelihood), 4096.0, 0.01);
    EXPECT_NEAR(*bits_per_byte(*likelihood), 50 * 12.0 / 200, 1e-5);
}

TEST(Perplexity, AddsUpOverDocuments) {
    Likelihood all = *likelihood_of(std::vector<float>{-1, -2}, 3);
    all += *likelihood_of(std::vector<float>{-6}, 5);
    EXPECT_DOUBLE_EQ(*perplexity(all), std::exp(3.0));
    EXPECT_DOUBLE_EQ(*bits_per_byte(all), 9.0 / (8.0 * std::numbers::ln2));
}

TEST(Perplexity, RefusesWhatIsNoLogProbability) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(likelihood_of(std::vector<float>{-1, nan}, 1).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(likelihood_of(std::vector<float>{0.5F}, 1).error().code, ErrorCode::kInvalid);
    EXPECT_TRUE(likelihood_of(std::vector<float>{0.00001F}, 1));
    EXPECT_EQ(perplexity({}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bits_per_byte({.log_probability = -1, .tokens = 1}).error().code, ErrorCode::kInvalid);
    const float never = -std::numeric_limits<float>::infinity();
    EXPECT_TRUE(std::isinf(*perplexity(*likelihood_of(std::vector<float>{never}, 1))));
}

TEST(ExactMatch, LooksPastCasePunctuationArticlesAndSpace) {
    EXPECT_EQ(exact_match("The  cat.", "a cat"), 1.0);
    EXPECT_EQ(exact_match("cats", "cat"), 0.0);
    EXPECT_EQ(exact_match("", "the"), 1.0);
    EXPECT_EQ(normalised_answer("An \"Apple\", the\u00a0Zwölf-Boxer"), "apple zwölfboxer");
}

TEST(TokenF1, CountsSharedWords) {
    EXPECT_DOUBLE_EQ(token_f1("the red red cat", "red cat sat"), 2.0 * 2 / 6);
    EXPECT_EQ(token_f1("same words", "Same, words!"), 1.0);
    EXPECT_EQ(token_f1("", ""), 1.0);
    EXPECT_EQ(token_f1("", "x"), 0.0);
    EXPECT_EQ(token_f1("x", "y"), 0.0);
}

TEST(Rouge, HasNoTokensOutsideLatinLetters) {
    EXPECT_EQ(rouge_l("日本語", "日本語").f1, 0.0);
    EXPECT_EQ(rouge_n("\xFF\xFE ab", "AB", 1).f1, 1.0);
    EXPECT_EQ(rouge_n("\u212A", "k", 1).f1, 1.0);
}

TEST(Rouge, CutsHugeTextsInsteadOfTakingForEver) {
    std::string text;
    for (std::size_t i = 0; i < kRougeTokensMax * 3; ++i) {
        text += i % 2 == 0 ? "a " : "b ";
    }
    EXPECT_EQ(rouge_n(text, text, 2).f1, 1.0);
    EXPECT_EQ(rouge_l_sum(text, text).f1, 1.0);
}

TEST(Scores, StayBetweenNothingAndAll) {
    const std::vector<std::string> texts = {
        "", " ", "a", "a b", "\xFF\xC3", "ls - list", "日本", std::string(300, 'x')
    };
    for (const auto& a : texts) {
        for (const auto& b : texts) {
            const std::vector<std::string> references = {b};
            const double bleu = bleu_of(bleu_statistics(a, references), BleuOrder::kEffective).score;
            const double chrf =
                chrf_of(chrf_statistics(a, references, ChrfKind::kChrfPlusPlus), ChrfKind::kChrfPlusPlus);
            for (const double score :
                 {bleu / 100,
                  chrf / 100,
                  rouge_l(a, b).f1,
                  rouge_l_sum(a, b).f1,
                  rouge_n(a, b, 1).f1,
                  token_f1(a, b)}) {
                EXPECT_GE(score, 0.0);
                EXPECT_LE(score, 1.0 + 1e-12);
            }
            EXPECT_DOUBLE_EQ(rouge_l(a, b).precision, rouge_l(b, a).recall);
        }
    }
}

TEST(CorpusScores, RefuseCountsThatDiffer) {
    const std::vector<std::string> one = {"a"};
    EXPECT_EQ(corpus_bleu(one, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(corpus_bleu({}, {}).error().code, ErrorCode::kInvalid);
    const std::vector<std::vector<std::string>> none = {{}};
    EXPECT_EQ(corpus_bleu(one, none).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(corpus_chrf(one, none, ChrfKind::kChrf).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::metrics
