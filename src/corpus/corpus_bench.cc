// Each step over text of two sizes, so that a cost which grows faster than the text is seen; memcpy of the
// same bytes is the limit to compare with.

#include <cstring>
#include <string>

#include <benchmark/benchmark.h>

#include "base/hash.h"
#include "corpus/boilerplate.h"
#include "corpus/decontaminate.h"
#include "corpus/minhash.h"
#include "corpus/near_dedup.h"
#include "corpus/normalise.h"
#include "corpus/overstrike.h"
#include "corpus/quality.h"
#include "corpus/words.h"
#include "safety/pii.h"

namespace capstan::corpus {
namespace {

std::string word_of(std::uint64_t number, std::size_t letters) {
    std::string word = sha256_hex(std::to_string(number)).substr(0, letters);
    for (char& c : word) {
        c = static_cast<char>('a' + (static_cast<unsigned char>(c) * 7 + word.size()) % 26);
    }
    return word;
}

// Prose of `bytes` bytes: words from a vocabulary of some thousands, lines of ten, a paragraph every eight
// lines.
std::string prose(std::size_t bytes) {
    std::string text;
    std::uint64_t state = 1;
    std::size_t words = 0;
    while (text.size() < bytes) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::uint64_t draw = state >> 33;
        text +=
            draw % 30 == 0 ? std::to_string(draw % 1000) : word_of(draw % 61 * (draw % 127), 2 + draw % 8);
        words += 1;
        text += words % 80 == 0 ? ".\n\n" : words % 10 == 0 ? "\n" : " ";
    }
    return text;
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->Arg(1 << 20)->Arg(4 << 20)->Unit(benchmark::kMillisecond);
}

template <typename Work>
void run(benchmark::State& state, Work work) {
    const std::string text = prose(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        work(text);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void memcpy_limit(benchmark::State& state) {
    std::string copy;
    run(state, [&copy](const std::string& text) {
        copy.resize(text.size());
        std::memcpy(copy.data(), text.data(), text.size());
        benchmark::DoNotOptimize(copy.data());
    });
}

void normalise_text(benchmark::State& state) {
    run(state, [](const std::string& text) { benchmark::DoNotOptimize(normalise(text, {})); });
}

void strip_bold_text(benchmark::State& state) {
    std::string bold;
    for (const char c : prose(static_cast<std::size_t>(state.range(0)) / 3)) {
        bold += c;
        bold += c == '\n' ? "" : std::string("\b") + c;
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(strip_overstrike(bold));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bold.size()));
}

void simplify_text(benchmark::State& state) {
    run(state, [](const std::string& text) { benchmark::DoNotOptimize(simplify(text)); });
}

void minhash_signature(benchmark::State& state) {
    const MinHash minhash({});
    run(state, [&minhash](const std::string& text) {
        const std::string simple = simplify(text);
        benchmark::DoNotOptimize(minhash.signature(shingle_hashes(split_words(simple), 5)));
    });
}

void quality_rules(benchmark::State& state) {
    run(state,
        [](const std::string& text) { benchmark::DoNotOptimize(quality_fault(text, gopher_limits())); });
}

void boilerplate_lines(benchmark::State& state) {
    run(state, [](const std::string& text) { benchmark::DoNotOptimize(line_hashes(text, {})); });
}

void contamination_ngrams(benchmark::State& state) {
    const ContaminationIndex index({});
    run(state, [&index](const std::string& text) { benchmark::DoNotOptimize(index.ngrams_in(text)); });
}

void pii_search(benchmark::State& state) {
    run(state, [](const std::string& text) { benchmark::DoNotOptimize(safety::find_pii(text)); });
}

void pii_search_in_numbers(benchmark::State& state) {
    std::string text;
    for (std::uint64_t i = 0; text.size() < static_cast<std::size_t>(state.range(0)); ++i) {
        text += std::to_string(i * 2654435761U % 1000) + "-" + std::to_string(i * 40503 % 10000) + "@";
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(safety::find_pii(text));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

// Documents: a tenth of them are copies of another, with some words changed.
void near_duplicate_search(benchmark::State& state) {
    const MinHash minhash({});
    std::vector<std::vector<std::uint64_t>> signatures;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        std::vector<std::uint64_t> shingles;
        for (std::uint64_t k = 0; k < 100; ++k) {
            shingles.push_back(
                xxh64(std::to_string(i % 10 == 9 && k > 3 ? i - 1 : i) + "/" + std::to_string(k))
            );
        }
        signatures.push_back(minhash.signature(shingles));
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(near_duplicate_roots(signatures, {}));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(memcpy_limit)->Apply(sizes);
BENCHMARK(normalise_text)->Apply(sizes);
BENCHMARK(strip_bold_text)->Apply(sizes);
BENCHMARK(simplify_text)->Apply(sizes);
BENCHMARK(minhash_signature)->Apply(sizes);
BENCHMARK(quality_rules)->Apply(sizes);
BENCHMARK(boilerplate_lines)->Apply(sizes);
BENCHMARK(contamination_ngrams)->Apply(sizes);
BENCHMARK(pii_search)->Apply(sizes);
BENCHMARK(pii_search_in_numbers)->Apply(sizes);
BENCHMARK(near_duplicate_search)->Arg(5'000)->Arg(20'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace capstan::corpus
