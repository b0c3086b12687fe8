// Attention alone, at the shape of a 1.2B model (32 heads over 8 key/value heads of 64), one layer, two
// threads: prefilling as arithmetic, against the multiply-add peak that registers alone reach in the same
// run; decoding as bytes of keys and values a second, against a plain sum over as many bytes.
//
// "of_peak" counts two operations for each score and value that a row sees, nothing for what is masked.

#include <algorithm>
#include <ctime>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/cache/kv_cache.h"
#include "engine/model/attention.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kChunk = 128;
constexpr AttentionShape kShape = {.heads = 32, .kv_heads = 8, .head_dim = 64, .scale = 0.125F};

// A sequence of one layer, full of random keys and values.
class Filled {
public:
    Filled(KvType type, std::int64_t tokens) : team(1), attention(kernels::best_kernels(), team) {
        const KvShape shape = {.layers = 1, .kv_heads = 8, .head_dim = 64, .type = type};
        cache_ = std::move(*BlockKvCache::build(shape, kv_blocks_of(tokens) * shape.block_bytes()));
        kv_ = *cache_->reserve(tokens);
        bytes = kv_blocks_of(tokens) * shape.block_bytes();
        std::mt19937 random(1);
        std::normal_distribution<float> normal(0, 1);
        query.resize(kChunk * 32 * 64);
        std::ranges::generate(query, [&] { return normal(random); });
        out.resize(query.size());
        for (std::int64_t position = 0; position < tokens; ++position) {
            rows.push_back({.position = position, .kv = &kv_});
            const float* row = query.data() + position % 997 * 64;
            attention.store(rows.back(), 0, row, row + 512);
        }
    }

    ThreadTeam team;
    Attention attention;
    std::vector<BatchRow> rows;
    std::vector<float> query;
    std::vector<float> out;
    std::int64_t bytes = 0;

private:
    std::unique_ptr<BlockKvCache> cache_;
    KvSequence kv_;
};

// The least processor time of several passes.
double seconds_of(const auto& work) {
    const auto now = [] {
        timespec time = {};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    };
    double best = 1e9;
    for (int pass = 0; pass < 8; ++pass) {
        const double begin = now();
        work();
        best = std::min(best, now() - begin);
    }
    return best;
}

#if defined(__x86_64__)
#define CAPSTAN_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CAPSTAN_CLONES
#endif

constexpr std::int64_t kPeakRounds = 500'000;
constexpr int kPeakSums = 12;
constexpr int kPeakLanes = 16;

// Multiply-adds that depend on nothing but themselves.
CAPSTAN_CLONES void multiply_add_in_registers() {
    using Lanes = float __attribute__((vector_size(kPeakLanes * 4)));
    Lanes sums[kPeakSums] = {};
    Lanes factor = sums[0] + 0.5F;
    benchmark::DoNotOptimize(factor);
    for (std::int64_t round = 0; round < kPeakRounds; ++round) {
        for (Lanes& sum : sums) {
            sum = sum * factor + factor;
        }
    }
    benchmark::DoNotOptimize(sums);
}

CAPSTAN_CLONES void read_all(const std::int64_t* from, std::int64_t count) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        sum += from[i];
    }
    benchmark::DoNotOptimize(sum);
}

// Operations a second.
double peak_operations() {
    return static_cast<double>(kPeakRounds * kPeakSums * kPeakLanes * 2) /
           seconds_of(multiply_add_in_registers);
}

// Bytes a second of reading a buffer.
double read_bandwidth(std::int64_t bytes) {
    const std::vector<std::int64_t> buffer(static_cast<std::size_t>(bytes / 8), 1);
    return static_cast<double>(bytes) / seconds_of([&] { read_all(buffer.data(), std::ssize(buffer)); });
}

// range(0): KvType; range(1): tokens, in chunks of kChunk.
void prefill(benchmark::State& state) {
    const std::int64_t tokens = state.range(1);
    Filled filled(static_cast<KvType>(state.range(0)), tokens);
    for (auto _ : state) {
        for (std::int64_t begin = 0; begin < tokens; begin += kChunk) {
            const auto rows = std::span(filled.rows).subspan(static_cast<std::size_t>(begin), kChunk);
            filled.attention.run(rows, 0, kShape, filled.query.data(), filled.out.data());
        }
    }
    const double scores = static_cast<double>(tokens) * static_cast<double>(tokens + 1) / 2 * 32;
    const double operations = scores * 64 * 4 * static_cast<double>(state.iterations());
    using benchmark::Counter;
    state.counters["Gop_per_s"] = Counter(operations / 1e9, Counter::kIsRate);
    state.counters["of_peak"] = Counter(operations / peak_operations(), Counter::kIsRate);
}

// range(0): KvType; range(1): positions that the row sees.
void decode(benchmark::State& state) {
    const std::int64_t tokens = state.range(1);
    Filled filled(static_cast<KvType>(state.range(0)), tokens);
    const auto last = std::span(filled.rows).last(1);
    for (auto _ : state) {
        filled.attention.run(last, 0, kShape, filled.query.data(), filled.out.data());
    }
    const double bytes = static_cast<double>(filled.bytes) * static_cast<double>(state.iterations());
    using benchmark::Counter;
    state.counters["GB_per_s"] = Counter(bytes / 1e9, Counter::kIsRate);
    state.counters["of_bandwidth"] = Counter(bytes / read_bandwidth(filled.bytes), Counter::kIsRate);
}

constexpr auto kF32 = static_cast<std::int64_t>(KvType::kF32);
constexpr auto kF16 = static_cast<std::int64_t>(KvType::kF16);
constexpr auto kI8 = static_cast<std::int64_t>(KvType::kI8);
constexpr auto kI4 = static_cast<std::int64_t>(KvType::kI4);

BENCHMARK(prefill)
    ->ArgNames({"type", "tokens"})
    ->ArgsProduct({{kF16}, {512, 2048, 8192}})
    ->Args({kF32, 512})
    ->Args({kI8, 512})
    ->Args({kI4, 512})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(decode)
    ->ArgNames({"type", "tokens"})
    ->ArgsProduct({{kF32, kF16, kI8, kI4}, {512, 8192, 32768}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace capstan::engine
