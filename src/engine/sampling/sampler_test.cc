// The sampler against a twin that follows the definition word by word, and against chance.

#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

using testing::HasSubstr;

std::vector<float> random_logits(std::size_t count, std::mt19937& random) {
    std::normal_distribution<float> normal(0, 2);
    std::vector<float> logits(count);
    for (float& logit : logits) {
        logit = normal(random);
    }
    return logits;
}

using Weights = std::vector<std::pair<llm::TokenId, double>>;  // The most probable first.

// Those whose surprise is nearest to the entropy, until they have `typical_p` of the whole.
void keep_typical(Weights& weights, double typical_p) {
    if (typical_p >= 1) {
        return;
    }
    double sum = 0;
    for (const auto& [token, weight] : weights) {
        sum += weight;
    }
    double entropy = 0;
    for (const auto& [token, weight] : weights) {
        entropy -= weight / sum * std::log(weight / sum);
    }
    Weights order = weights;
    std::ranges::sort(order, {}, [&](const auto& pair) {
        return std::pair(std::abs(-std::log(pair.second / sum) - entropy), pair.first);
    });
    double reached = 0;
    std::map<llm::TokenId, bool> stays;
    for (const auto& [token, weight] : order) {
        if (reached >= typical_p * sum) {
            break;
        }
        stays[token] = true;
        reached += weight;
    }
    std::erase_if(weights, [&](const auto& pair) { return !stays.contains(pair.first); });
}

// Token to probability, of all tokens that may be chosen.
std::map<llm::TokenId, double> twin(std::span<const float> logits, const llm::Sampling& sampling) {
    std::vector<double> scores(logits.begin(), logits.end());
    for (const auto& [token, bias] : sampling.logit_bias) {
        scores[static_cast<std::size_t>(token)] += bias;
    }
    std::vector<llm::TokenId> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, [&](auto a, auto b) {
        const double left = scores[static_cast<std::size_t>(a)];
        const double right = scores[static_cast<std::size_t>(b)];
        return left != right ? left > right : a < b;
    });
    Weights kept;
    double sum = 0;
    for (const auto token : order) {
        const double gap =
            scores[static_cast<std::size_t>(token)] - scores[static_cast<std::size_t>(order[0])];
        kept.emplace_back(token, std::exp(gap / sampling.temperature));
    }
    std::erase_if(kept, [&](const auto& pair) { return pair.second < sampling.min_p; });
    if (sampling.top_k > 0 && kept.size() > static_cast<std::size_t>(sampling.top_k)) {
        kept.resize(static_cast<std::size_t>(sampling.top_k));
    }
    keep_typical(kept, sampling.typical_p);
    for (const auto& [token, weight] : kept) {
        sum += weight;
    }
    std::map<llm::TokenId, double> nucleus;
    double reached = 0;
    for (const auto& [token, weight] : kept) {
        if (sampling.top_p < 1 && reached >= sampling.top_p * sum) {
            break;
        }
        nucleus[token] = weight;
        reached += weight;
    }
    for (auto& [token, weight] : nucleus) {
        weight /= reached;
    }
    return nucleus;
}

TEST(Sampler, DrawsFromTheDistributionThatTheDefinitionGives) {
    std::mt19937 random(3);
    const llm::Sampling settings[] = {
        {.temperature = 1},
        {.temperature = 0.3},
        {.temperature = 1.7, .top_k = 5},
        {.temperature = 1, .top_p = 0.9},
        {.temperature = 0.8, .top_p = 0.5, .top_k = 20},
        {.temperature = 1, .min_p = 0.1},
        {.temperature = 1.2, .top_p = 0.95, .top_k = 40, .min_p = 0.02, .logit_bias = {{3, 2.5}, {7, -100}}},
        {.temperature = 1, .top_p = 1e-6},
        {.temperature = 1, .top_k = 1},
        {.temperature = 2, .top_p = 0.999999},
        {.temperature = 1, .typical_p = 0.7},
        {.temperature = 0.9, .top_p = 0.8, .top_k = 60, .typical_p = 0.5},
        {.temperature = 1, .top_k = 900},
    };
    for (const llm::Sampling& sampling : settings) {
        for (const std::size_t vocabulary : {1U, 2U, 50U, 1000U, 5000U}) {
            if (vocabulary < 8 && !sampling.logit_bias.empty()) {
                continue;
            }
            const auto logits = random_logits(vocabulary, random);
            const auto expected = twin(logits, sampling);
            Sampler sampler(sampling);
            const auto actual = sampler.distribution(logits);
            ASSERT_EQ(actual.size(), expected.size());
            for (const auto& [token, log_probability] : actual) {
                ASSERT_TRUE(expected.contains(token));
                // Changed logits are floats again.
                ASSERT_NEAR(std::exp(log_probability), expected.at(token), 1e-7);
            }
        }
    }
}

// Where thousands are left, weights are floats: at the edge of what is kept, one token more or less may be.
void expect_like_twin(std::span<const float> logits, const llm::Sampling& sampling) {
    const auto expected = twin(logits, sampling);
    Sampler sampler(sampling);
    const auto actual = sampler.distribution(logits);
    std::size_t others = 0;
    double sum = 0;
    for (const auto& [token, log_probability] : actual) {
        const auto found = expected.find(token);
        others += found == expected.end() ? 1 : 0;
        sum += std::exp(log_probability);
        if (found != expected.end()) {
            ASSERT_NEAR(std::exp(log_probability) / found->second, 1, 1e-3);
        }
    }
    EXPECT_LE(others, 1U);
    EXPECT_LE(expected.size() + others, actual.size() + 1);
    EXPECT_NEAR(sum, 1, 1e-6);
}

TEST(Sampler, ThousandsThatAreLeftAreThoseOfTheDefinition) {
    std::mt19937 random(23);
    const llm::Sampling settings[] = {
        {.temperature = 1, .top_p = 0.95},
        {.temperature = 0.6, .top_p = 0.4, .min_p = 1e-4},
        {.temperature = 1, .typical_p = 0.9},
        {.temperature = 2, .top_p = 0.7, .typical_p = 0.5},
        {.temperature = 1, .top_k = 7000},
        {.temperature = 1.3, .top_p = 0.9, .top_k = 9000, .min_p = 1e-6, .typical_p = 0.97},
    };
    for (const llm::Sampling& sampling : settings) {
        auto logits = random_logits(20'000, random);
        expect_like_twin(logits, sampling);
        for (float& logit : logits) {  // Many are equal.
            logit = std::round(logit * 2) / 2;
        }
        expect_like_twin(logits, sampling);
        std::ranges::fill(logits, 3.5F);  // All are.
        expect_like_twin(logits, sampling);
        logits[7] = 40;  // One is far above the others, which are nearer to each other than floats tell.
        expect_like_twin(logits, sampling);
    }
}

TEST(Sampler, DrawsAmongThousandsAsOftenAsTheProbabilitiesSay) {
    std::mt19937 random(29);
    const auto logits = random_logits(6000, random);
    Sampler sampler({.temperature = 1, .top_p = 0.9, .seed = 3});
    std::map<llm::TokenId, double> probabilities;
    for (const auto& [token, log_probability] : sampler.distribution(logits)) {
        probabilities[token] = std::exp(log_probability);
    }
    constexpr int kDraws = 4000;
    double below = 0;  // The middle of the vocabulary.
    for (int i = 0; i < kDraws; ++i) {
        const llm::TokenId token = sampler.choose(logits);
        ASSERT_TRUE(probabilities.contains(token));
        below += token < 3000 ? 1.0 / kDraws : 0;
    }
    double expected = 0;
    for (const auto& [token, probability] : probabilities) {
        expected += token < 3000 ? probability : 0;
    }
    EXPECT_NEAR(below, expected, 0.04);  // Five standard deviations.
}

TEST(Sampler, ChoosesAsOftenAsTheProbabilitiesSay) {
    std::mt19937 random(5);
    const auto logits = random_logits(12, random);
    for (const double top_p : {1.0, 0.8}) {
        const llm::Sampling sampling = {.temperature = 1.3, .top_p = top_p, .seed = 11};
        const auto expected = twin(logits, sampling);
        Sampler sampler(sampling);
        std::map<llm::TokenId, int> counts;
        constexpr int kDraws = 40'000;
        for (int i = 0; i < kDraws; ++i) {
            ++counts[sampler.choose(logits)];
        }
        double chi_squared = 0;
        for (const auto& [token, probability] : expected) {
            const double mean = probability * kDraws;
            chi_squared += (counts[token] - mean) * (counts[token] - mean) / mean;
        }
        EXPECT_LE(counts.size(), expected.size());
        EXPECT_LT(chi_squared, 31.3);  // 11 degrees of freedom: exceeded by chance once in a thousand seeds.
    }
}

TEST(Sampler, ASeedDecidesEverything) {
    std::mt19937 random(1);
    const auto logits = random_logits(500, random);
    const auto draw = [&](std::optional<std::uint64_t> seed) {
        Sampler sampler({.temperature = 1, .seed = seed});
        std::vector<llm::TokenId> tokens;
        for (int i = 0; i < 40; ++i) {
            tokens.push_back(sampler.choose(logits));
        }
        return tokens;
    };
    EXPECT_EQ(draw(7), draw(7));
    EXPECT_NE(draw(7), draw(8));
    EXPECT_NE(draw(std::nullopt), draw(std::nullopt));
    // The stream itself is a promise: a seed means the same tomorrow and on another machine.
    const std::vector<float> flat(1000, 0.0F);
    Sampler sampler({.temperature = 1, .seed = 42});
    EXPECT_EQ(sampler.choose(flat), 741);
    EXPECT_EQ(sampler.choose(flat), 159);
}

TEST(Sampler, IsGreedyAtTemperatureZero) {
    const std::vector<float> logits = {1, 5, 5, 2};
    Sampler plain({.temperature = 0});
    EXPECT_EQ(plain.choose(logits), 1);
    EXPECT_EQ(plain.choose(logits), 1);
    Sampler biased({.temperature = 0, .logit_bias = {{3, 4.0}}});
    EXPECT_EQ(biased.choose(logits), 3);
}

TEST(Sampler, ChoosesOnlyWhatIsAllowed) {
    std::mt19937 random(21);
    const auto logits = random_logits(200, random);
    TokenMask allowed = {.bits = std::vector<std::uint64_t>(4), .count = 3, .tokens = {5, 70, 199}};
    for (const auto token : allowed.tokens) {
        allowed.bits[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
    }
    EXPECT_TRUE(allowed.allows(70));
    EXPECT_FALSE(allowed.allows(71));
    EXPECT_FALSE(allowed.allows(256));
    std::vector<float> gathered = {logits[5], logits[70], logits[199]};
    const auto best = std::ranges::max_element(gathered) - gathered.begin();
    Sampler greedy({.temperature = 0});
    EXPECT_EQ(greedy.choose(logits, &allowed), allowed.tokens[static_cast<std::size_t>(best)]);
    TokenMask many = {.bits = {0, 0, 0, ~std::uint64_t{0}}, .count = TokenMask::kListedTokensMax + 1};
    many.bits[0] = 1U << 5;  // As if of a larger vocabulary: too many to be listed.
    const auto behind = std::ranges::max_element(logits.begin() + 192, logits.end());
    const auto expected_best = logits[5] > *behind ? 5 : behind - logits.begin();
    EXPECT_EQ(greedy.choose(logits, &many), expected_best);
    Sampler free({.temperature = 1.5, .seed = 1});
    Sampler filtered({.temperature = 1.5, .top_p = 0.99, .top_k = 7, .seed = 1});
    for (int i = 0; i < 300; ++i) {
        EXPECT_TRUE(many.allows(free.choose(logits, &many)));
        EXPECT_TRUE(many.allows(filtered.choose(logits, &many)));
    }
    Sampler sampler({.temperature = 1.5, .logit_bias = {{6, 100}, {70, 1.5}}});
    gathered[1] += 1.5F;
    const auto expected = twin(gathered, {.temperature = 1.5});
    const auto actual = sampler.distribution(logits, &allowed);
    ASSERT_EQ(actual.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(actual[i].token, allowed.tokens[i]);
        EXPECT_NEAR(std::exp(actual[i].log_probability), expected.at(static_cast<int>(i)), 1e-6);
    }
}

TEST(Sampler, PenalisesWhatItChose) {
    const std::vector<float> logits = {3.0F, 2.5F, 2.2F};
    Sampler presence({.temperature = 0, .presence_penalty = 1});
    EXPECT_EQ(presence.choose(logits), 0);  // Then 2.0, 2.5, 2.2.
    EXPECT_EQ(presence.choose(logits), 1);  // Then 2.0, 1.5, 2.2.
    EXPECT_EQ(presence.choose(logits), 2);  // Then 2.0, 1.5, 1.2: presence counts once.
    EXPECT_EQ(presence.choose(logits), 0);
    EXPECT_EQ(presence.choose(logits), 0);
    Sampler frequency({.temperature = 0, .frequency_penalty = 0.3});
    EXPECT_EQ(frequency.choose(logits), 0);  // Then 2.7.
    EXPECT_EQ(frequency.choose(logits), 0);  // Then 2.4.
    EXPECT_EQ(frequency.choose(logits), 1);  // Then 2.2.
    EXPECT_EQ(frequency.choose(logits), 0);
}

TEST(Sampler, PenalisesRepetitionOfThePromptToo) {
    const std::vector<float> logits = {3.0F, 2.5F, -1.0F, -1.2F};
    const std::vector<llm::TokenId> prompt = {0, 2};
    Sampler sampler({.temperature = 0, .repetition_penalty = 2}, prompt);
    EXPECT_EQ(sampler.choose(logits), 1);  // 1.5, 2.5, -2, -1.2. Then 1.5, 1.25, -2, -1.2.
    EXPECT_EQ(sampler.choose(logits), 0);
    EXPECT_EQ(sampler.choose(logits), 0);  // Once or often is the same.
    Sampler all({.temperature = 1, .repetition_penalty = 2}, prompt);
    const auto distribution = all.distribution(logits);
    ASSERT_EQ(distribution.size(), 4U);
    double sum = 0;
    for (const double logit : {1.5, 2.5, -2.0, -1.2}) {
        sum += std::exp(logit);
    }
    EXPECT_NEAR(distribution[2].log_probability, -2.0 - std::log(sum), 1e-6);
}

TEST(Sampler, ACopyGoesOnAsTheOriginal) {
    std::mt19937 random(6);
    const auto logits = random_logits(3000, random);
    Sampler sampler(
        {.temperature = 1.2, .top_p = 0.9, .presence_penalty = 1, .repetition_penalty = 1.2, .seed = 5}
    );
    for (int i = 0; i < 5; ++i) {
        sampler.choose(logits);
    }
    Sampler copy = sampler;
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(copy.choose(logits), sampler.choose(logits));
    }
    Sampler told = sampler;
    told.remember(sampler.choose(logits));
    EXPECT_EQ(told.distribution(logits).size(), sampler.distribution(logits).size());
}

TEST(Sampler, DrawsFromLargeVocabulariesAsOftenAsTheProbabilitiesSay) {
    std::mt19937 random(8);
    std::vector<float> logits(2600, -4.0F);
    for (const std::size_t place : {3U, 1023U, 1024U, 2500U, 2599U}) {
        logits[place] = 4;
    }
    const auto expected = twin(logits, {.temperature = 1});
    Sampler sampler({.temperature = 1, .seed = 12});
    std::map<llm::TokenId, int> counts;
    constexpr int kDraws = 4000;
    for (int i = 0; i < kDraws; ++i) {
        ++counts[sampler.choose(logits)];
    }
    for (const int place : {3, 1023, 1024, 2500, 2599}) {
        const double mean = expected.at(place) * kDraws;
        EXPECT_NEAR(counts[place], mean, 5 * std::sqrt(mean));
    }
}

TEST(Sampler, NamesTheParameterOutOfRange) {
    const auto refusal = [](const llm::Sampling& sampling) {
        const auto good = check_sampling(sampling, 10);
        return good ? std::string() : good.error().message;
    };
    EXPECT_EQ(refusal({}), "");
    EXPECT_THAT(refusal({.temperature = 2.1}), HasSubstr("temperature"));
    EXPECT_THAT(refusal({.temperature = NAN}), HasSubstr("temperature"));
    EXPECT_THAT(refusal({.top_p = 0}), HasSubstr("top_p"));
    EXPECT_THAT(refusal({.top_k = -1}), HasSubstr("top_k"));
    EXPECT_THAT(refusal({.min_p = 1.5}), HasSubstr("min_p"));
    EXPECT_THAT(refusal({.frequency_penalty = 3}), HasSubstr("frequency_penalty"));
    EXPECT_THAT(refusal({.presence_penalty = -3}), HasSubstr("presence_penalty"));
    EXPECT_THAT(refusal({.logit_bias = {{10, 1}}}), HasSubstr("logit_bias"));
    EXPECT_THAT(refusal({.logit_bias = {{1, 101}}}), HasSubstr("logit_bias"));
}

TEST(LogSoftmax, SumsToOneAndOrdersTheTop) {
    std::mt19937 random(9);
    auto logits = random_logits(300, random);
    logits[7] = 90;  // e^90 overflows a float.
    logits[8] = 90;
    const LogSoftmax probabilities(logits);
    double sum = 0;
    for (int token = 0; token < 300; ++token) {
        sum += std::exp(probabilities.of(token));
    }
    EXPECT_NEAR(sum, 1, 1e-6);
    const auto top = probabilities.top(3);
    ASSERT_EQ(top.size(), 3U);
    EXPECT_EQ(top[0].token, 7);
    EXPECT_EQ(top[1].token, 8);
    EXPECT_EQ(top[0].log_probability, probabilities.of(7));
    EXPECT_EQ(probabilities.top(1000).size(), 300U);
    EXPECT_TRUE(probabilities.top(0).empty());
}

}  // namespace
}  // namespace capstan::engine
