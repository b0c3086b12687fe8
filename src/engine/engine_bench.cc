// Tokens per second at two model sizes, on one thread (of processor time, so that neighbours count little)
// and on two (of the clock), against what bounds them: decoding reads every weight once a token, so its bound
// is the memory's bandwidth, measured here in the same run; prefilling multiplies, so its figure is
// operations per second.
//
// "of_bandwidth" is bytes of weights read per second over the bandwidth that a plain sum over a buffer of the
// same size reaches (a small model's weights stay in a cache, and so does its buffer).

#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "engine/model/model.h"
#include "engine/model/random_model.h"
#include "engine/sampling/sampler.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kPrompt = 512;

ModelConfig shape(bool large) {
    ModelConfig config = RandomModel().config;
    config.vocabulary = large ? 32'000 : 4096;
    config.hidden = large ? 768 : 256;
    config.intermediate = large ? 2048 : 704;
    config.layers = large ? 12 : 6;
    config.heads = large ? 12 : 8;
    config.kv_heads = large ? 12 : 4;
    config.head_dim = large ? 64 : 32;
    config.positions_max = 2048;
    return config;
}

struct LoadedKey {
    bool large;
    DataType type;
    int threads;

    bool operator==(const LoadedKey&) const = default;
};

// A model of random weights, written to a folder that goes with it.
class Loaded {
public:
    explicit Loaded(const LoadedKey& key) : key_(key) {
        const auto good = write_random_model(folder_, {.config = shape(key.large), .type = key.type});
        CHECK(good, good.error().message);
        model_ = std::move(*Model::open(folder_, key.threads));
        cache_ = std::move(
            *BlockKvCache::build(model_->kv_shape(), 4096 / kKvBlockTokens * model_->kv_shape().block_bytes())
        );
    }

    ~Loaded() { (void)remove_all(folder_); }

    // The same model again for the next repetition of a benchmark.
    static Loaded& get(const LoadedKey& key) {
        static std::unique_ptr<Loaded> latest;
        if (latest == nullptr || latest->key_ != key) {
            latest.reset();
            latest = std::make_unique<Loaded>(key);
        }
        return *latest;
    }

    Model& model() { return *model_; }

    BlockKvCache& cache() { return *cache_; }

private:
    LoadedKey key_;
    std::filesystem::path folder_ = std::filesystem::temp_directory_path() / ("engine_bench_" + new_id());
    std::unique_ptr<Model> model_;
    std::unique_ptr<BlockKvCache> cache_;
};

LoadedKey key_of(const benchmark::State& state) {
    return {
        .large = state.range(0) != 0,
        .type = static_cast<DataType>(state.range(1)),
        .threads = static_cast<int>(state.range(2))
    };
}

// Bytes a second at which one thread reads a buffer of `bytes`, the best of several passes.
double read_bandwidth(std::int64_t bytes) {
    const std::vector<float> ones(static_cast<std::size_t>(bytes / 4), 1.0F);
    const std::vector<float> x(4096, 1.0F);
    std::vector<float> y(ones.size() / x.size() + 1);
    const kernels::MatmulWork work = {
        .weights =
            {.data = reinterpret_cast<const std::byte*>(ones.data()),
             .type = DataType::kF32,
             .rows = static_cast<std::int64_t>(ones.size() / x.size()),
             .columns = static_cast<std::int64_t>(x.size())},
        .x = x.data(),
        .tokens = 1,
        .y = y.data(),
        .row_begin = 0,
        .row_end = static_cast<std::int64_t>(ones.size() / x.size()),
    };
    double best = 0;
    for (int pass = 0; pass < 20; ++pass) {
        const std::int64_t begin = monotonic_now_us();
        kernels::best_kernels().matmul(work);
        const double seconds = static_cast<double>(monotonic_now_us() - begin) / 1e6;
        best = std::max(best, static_cast<double>(bytes) / seconds);
    }
    return best;
}

std::vector<BatchRow> rows_of(const KvSequence& kv, std::int64_t begin, std::int64_t count) {
    std::vector<BatchRow> rows;
    for (std::int64_t position = begin; position < begin + count; ++position) {
        rows.push_back({.token = static_cast<llm::TokenId>(position % 250), .position = position, .kv = &kv});
    }
    rows.back().wants_logits = true;
    return rows;
}

// range(0): large; range(1): DataType; range(2): threads.
void decode(benchmark::State& state) {
    Loaded& loaded = Loaded::get(key_of(state));
    KvSequence kv = *loaded.cache().reserve(2048);
    Sampler sampler({.temperature = 0});
    const auto prompt = rows_of(kv, 0, 128);
    loaded.model().forward(prompt);
    std::int64_t position = 128;
    for (auto _ : state) {
        const auto row = rows_of(kv, position, 1);
        benchmark::DoNotOptimize(sampler.choose(loaded.model().forward(row)));
        position = position == 384 ? 128 : position + 1;  // On average behind 256 tokens.
    }
    loaded.cache().release(kv);
    const auto tokens = static_cast<double>(state.iterations());
    const auto bytes = static_cast<double>(loaded.model().matmul_bytes());
    const double bandwidth = read_bandwidth(loaded.model().matmul_bytes());
    using benchmark::Counter;
    state.counters["tokens_per_s"] = Counter(tokens, Counter::kIsRate);
    state.counters["weights_MB"] = bytes / 1e6;
    state.counters["of_bandwidth"] = Counter(tokens * bytes / bandwidth, Counter::kIsRate);
}

void prefill(benchmark::State& state) {
    Loaded& loaded = Loaded::get(key_of(state));
    KvSequence kv = *loaded.cache().reserve(kPrompt);
    for (auto _ : state) {
        for (std::int64_t begin = 0; begin < kPrompt; begin += 128) {
            benchmark::DoNotOptimize(loaded.model().forward(rows_of(kv, begin, 128)).data());
        }
    }
    loaded.cache().release(kv);
    const auto tokens = static_cast<double>(state.iterations() * kPrompt);
    const ModelConfig& config = loaded.model().config();
    const auto type = static_cast<DataType>(state.range(1));
    // Two operations a weight; the head is computed for a prompt's last token only.
    const std::int64_t inner =
        loaded.model().matmul_bytes() / bytes_of(type) - config.vocabulary * config.hidden;
    using benchmark::Counter;
    state.counters["tokens_per_s"] = Counter(tokens, Counter::kIsRate);
    state.counters["Gop_per_s"] = Counter(tokens * 2e-9 * static_cast<double>(inner), Counter::kIsRate);
}

// Choosing a token of 4,096 at temperature 0.8 and top-p 0.95, from logits about as steep as a trained
// model's.
void sample(benchmark::State& state) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 4);
    std::vector<float> logits(4096);
    for (float& logit : logits) {
        logit = normal(random);
    }
    Sampler sampler({.temperature = 0.8, .top_p = 0.95, .seed = 1});
    for (auto _ : state) {
        benchmark::DoNotOptimize(sampler.choose(logits));
    }
}

// Several sequences decode together: range(0) as above, range(1): how many.
void decode_batch(benchmark::State& state) {
    Loaded& loaded = Loaded::get({.large = state.range(0) != 0, .type = DataType::kBf16, .threads = 1});
    std::vector<KvSequence> sequences;
    for (std::int64_t i = 0; i < state.range(1); ++i) {
        sequences.push_back(*loaded.cache().reserve(256));
        loaded.model().forward(rows_of(sequences.back(), 0, 128));
    }
    std::int64_t position = 128;
    for (auto _ : state) {
        std::vector<BatchRow> rows;
        for (const KvSequence& kv : sequences) {
            rows.push_back(rows_of(kv, position, 1).front());
        }
        benchmark::DoNotOptimize(loaded.model().forward(rows).data());
        position = position == 255 ? 128 : position + 1;
    }
    for (KvSequence& kv : sequences) {
        loaded.cache().release(kv);
    }
    state.counters["tokens_per_s"] = benchmark::Counter(
        static_cast<double>(state.iterations() * state.range(1)), benchmark::Counter::kIsRate
    );
}

constexpr auto kF32 = static_cast<std::int64_t>(DataType::kF32);
constexpr auto kF16 = static_cast<std::int64_t>(DataType::kF16);
constexpr auto kBf16 = static_cast<std::int64_t>(DataType::kBf16);

BENCHMARK(decode)
    ->ArgNames({"large", "type", "threads"})
    ->ArgsProduct({{0, 1}, {kF32, kF16, kBf16}, {1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(decode)
    ->ArgNames({"large", "type", "threads"})
    ->Args({1, kBf16, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(prefill)
    ->ArgNames({"large", "type", "threads"})
    ->ArgsProduct({{0, 1}, {kF32, kBf16}, {1}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(prefill)
    ->ArgNames({"large", "type", "threads"})
    ->Args({1, kBf16, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(sample)->Unit(benchmark::kMicrosecond);
BENCHMARK(decode_batch)
    ->ArgNames({"large", "sequences"})
    ->ArgsProduct({{0, 1}, {1, 4, 16}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace capstan::engine
