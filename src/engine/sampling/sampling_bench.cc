// What choosing a token costs with a vocabulary of 128,256: freely, and within a grammar whose ways were
// mostly seen before ("mask" is the grammar's part alone); log-probabilities; a new grammar, with its first
// answer and without.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "engine/grammar/grammar_compiler.h"
#include "engine/sampling/log_softmax.h"
#include "engine/sampling/sampler.h"

namespace capstan::engine {
namespace {

constexpr std::size_t kVocabulary = 128'256;

// A few probable tokens and a long tail, as models have them.
std::vector<float> peaked_logits() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 2);
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) {
        logit = normal(random);
    }
    for (int i = 0; i < 200; ++i) {
        logits[random() % kVocabulary] = 8 + normal(random);
    }
    return logits;
}

std::vector<float> flat_logits() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) {
        logit = normal(random);
    }
    return logits;
}

// Words of letters with and without a space before, numbers, and JSON's marks, as a byte-level vocabulary has
// them.
TokenBytes tokens() {
    std::mt19937 random(2);
    TokenBytes tokens = {.texts = {""}, .end_tokens = {0}};
    for (int byte = 0; byte < 256; ++byte) {
        tokens.texts.emplace_back(1, static_cast<char>(byte));
    }
    const char* const marks[] = {
        "\"", "\":", "\": ", "\",", "\", \"", "\"}", "}}", "]}", "{\"", "[", "],", ", ", "\n", "  "
    };
    const auto letter = [&] { return static_cast<char>('a' + std::min(random() % 26, random() % 26)); };
    while (tokens.texts.size() < kVocabulary) {
        std::string text = random() % 2 == 0 ? " " : "";
        for (std::size_t length = 1 + random() % 8; length > 0; --length) {
            text += random() % 20 == 0 ? "é" : std::string(1, letter());
        }
        const auto kind = random() % 20;
        if (kind == 0) {
            text = std::to_string(random() % 1000);
        } else if (kind == 1) {
            text += marks[random() % std::size(marks)];
        } else if (kind == 2) {
            text = marks[random() % std::size(marks)] + text;
        }
        tokens.texts.push_back(std::move(text));
    }
    return tokens;
}

GrammarCompiler& compiler() {
    static GrammarCache cache;
    static GrammarCompiler made(tokens(), cache);
    return made;
}

const llm::Constraint kSchema = {
    .kind = llm::Constraint::Kind::kJsonSchema,
    .text =
        R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0,
        "maximum": 130}, "tags": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 8},
        "note": {"type": "string"}}, "required": ["name", "age", "tags", "note"], "additionalProperties": false})"
};

void choose_freely(benchmark::State& state, const llm::Sampling& sampling, const std::vector<float>& logits) {
    Sampler sampler(sampling);
    for (auto _ : state) {
        benchmark::DoNotOptimize(sampler.choose(logits));
    }
}

// Tokens of one random answer after another. Strings are long: their closing marks are unlikely.
void choose_within(benchmark::State& state, const llm::Sampling& sampling, bool masks_only) {
    const auto grammar = compiler().compile(kSchema);
    CHECK(grammar, grammar.error().message);
    const auto logits = peaked_logits();
    Sampler sampler(sampling);
    Sampler chooser({.temperature = 1, .seed = 4});
    auto constraint = (*grammar)->start();
    for (auto _ : state) {
        if (constraint->must_end()) {
            constraint = (*grammar)->start();
        }
        const TokenMask* mask = *constraint->allowed();
        llm::TokenId token = 0;
        if (masks_only) {
            state.PauseTiming();
            token = chooser.choose(logits, mask);
            state.ResumeTiming();
        } else {
            token = sampler.choose(logits, mask);
        }
        CHECK(constraint->accept(token), "what is allowed is accepted");
        if (token == 0) {
            constraint = (*grammar)->start();
        }
    }
}

const llm::Sampling kGreedy = {.temperature = 0};
const llm::Sampling kPlain = {.temperature = 0.8, .seed = 1};
const llm::Sampling kTopKAndP = {.temperature = 0.8, .top_p = 0.95, .top_k = 40, .seed = 1};
const llm::Sampling kTopP = {.temperature = 0.8, .top_p = 0.95, .seed = 1};
const llm::Sampling kTypical = {.temperature = 0.8, .typical_p = 0.95, .seed = 1};
const llm::Sampling kLargeTopK = {.temperature = 0.8, .top_k = 50'000, .seed = 1};
const llm::Sampling kMinP = {.temperature = 0.8, .min_p = 0.05, .seed = 1};

BENCHMARK_CAPTURE(choose_freely, greedy, kGreedy, peaked_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, temperature, kPlain, peaked_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, top_k_top_p, kTopKAndP, peaked_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, top_p, kTopP, peaked_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, top_p_flat, kTopP, flat_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, typical, kTypical, peaked_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, typical_flat, kTypical, flat_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, large_top_k, kLargeTopK, flat_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_freely, min_p, kMinP, peaked_logits())->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_within, greedy, kGreedy, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_within, top_k_top_p, kTopKAndP, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose_within, mask, kGreedy, true)->Unit(benchmark::kMicrosecond);

void log_softmax(benchmark::State& state) {
    const auto logits = peaked_logits();
    for (auto _ : state) {
        const LogSoftmax probabilities(logits);
        benchmark::DoNotOptimize(probabilities.of(7));
        benchmark::DoNotOptimize(probabilities.top(static_cast<int>(state.range(0))));
    }
}

BENCHMARK(log_softmax)->Arg(0)->Arg(20)->Unit(benchmark::kMicrosecond);

// A new grammar and the first answer within it.
void compile(benchmark::State& state) {
    (void)compiler();
    const auto logits = peaked_logits();
    int round = 0;
    for (auto _ : state) {
        llm::Constraint constraint = kSchema;
        constraint.text += std::string(static_cast<std::size_t>(++round % 2000), ' ');
        const auto grammar = compiler().compile(constraint);
        CHECK(grammar, grammar.error().message);
        if (state.range(0) != 0) {
            Sampler sampler(kPlain);
            const auto sequence = (*grammar)->start();
            for (int i = 0; i < 200 && !sequence->must_end(); ++i) {
                const auto token = sampler.choose(logits, *sequence->allowed());
                CHECK(sequence->accept(token), "what is allowed is accepted");
            }
        }
    }
}

BENCHMARK(compile)->ArgName("with_first_answer")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void build_trie(benchmark::State& state) {
    const TokenBytes all = tokens();
    for (auto _ : state) {
        benchmark::DoNotOptimize(TokenTrie(all).node_count());
    }
}

BENCHMARK(build_trie)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace capstan::engine
