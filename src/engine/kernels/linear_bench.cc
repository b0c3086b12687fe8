// The linear layers of whole models, without what lies between them, against what bounds them, measured in
// the same run: decoding reads every weight once, so its bound is the bandwidth at which memory is read
// ("of_bandwidth"); prefilling multiplies, so its bound is what one dot product instruction after the other
// reaches ("of_peak": vpdpbusd for 8 bits and less, vpdpwssd for 16; without VNNI, vpmaddubsw and vpmaddwd).
//
// range(0): the shape; range(1): DataType; range(2): tokens at a time. On two threads.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/clock.h"
#include "engine/kernels/linear.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace capstan::engine::kernels {
namespace {

constexpr int kThreads = 2;

struct Shape {
    std::int64_t hidden;
    std::int64_t kv_size;
    std::int64_t intermediate;
    std::int64_t layers;
    std::int64_t vocabulary;
};

constexpr Shape kShapes[] = {
    {288, 288, 768, 6, 32'000},      // 15M
    {768, 768, 2048, 12, 32'000},    // 110M
    {2048, 512, 8192, 16, 128'256},  // 1.2B
};

double seconds_since(std::int64_t begin_us) {
    return static_cast<double>(monotonic_now_us() - begin_us) / 1e6;
}

// The sum of `bytes` from `from`, in four streams, asked for ahead of their use.
std::uint64_t sum_of(const std::byte* from, std::int64_t bytes) {
    const std::int64_t quarter = bytes / 4 / 64 * 64;
    std::uint64_t sums[8] = {};
    for (std::int64_t at = 0; at < quarter; at += 64) {
        for (std::int64_t stream = 0; stream < 4; ++stream) {
            const std::byte* line = from + stream * quarter + at;
            __builtin_prefetch(line + 4096);
            std::uint64_t words[8];
            std::memcpy(words, line, sizeof words);
            for (int i = 0; i < 8; ++i) {
                sums[i] += words[i];
            }
        }
    }
    std::uint64_t total = 0;
    for (const std::uint64_t sum : sums) {
        total += sum;
    }
    return total;
}

// Bytes a second of all threads together over a buffer of large pages, the best of several passes.
double read_bandwidth(std::int64_t bytes, ThreadTeam& team) {
    const std::int64_t blocks = std::max<std::int64_t>(kThreads, bytes >> 20);
    HugeBuffer buffer(blocks << 20);
    std::memset(buffer.data(), 1, static_cast<std::size_t>(buffer.size()));
    double best = 0;
    for (int pass = 0; pass < 8; ++pass) {
        const std::int64_t begin = monotonic_now_us();
        team.run(blocks, 1, [&](int, std::int64_t first, std::int64_t last) {
            benchmark::DoNotOptimize(sum_of(buffer.data() + (first << 20), (last - first) << 20));
        });
        best = std::max(best, static_cast<double>(buffer.size()) / seconds_since(begin));
    }
    return best;
}

#if defined(__x86_64__)
constexpr int kChains = 12;

template <bool kIs16>
__attribute__((target("avx512f,avx512vnni"))) void dot_products(std::int64_t rounds) {
    __m512i sums[kChains];
    for (__m512i& sum : sums) {
        sum = _mm512_setzero_si512();
    }
    __m512i a = _mm512_set1_epi32(0x01020304);
    for (std::int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
        for (int i = 0; i < kChains; ++i) {
            sums[i] = kIs16 ? _mm512_dpwssd_epi32(sums[i], a, a) : _mm512_dpbusd_epi32(sums[i], a, a);
        }
        benchmark::DoNotOptimize(a);
    }
    for (__m512i& sum : sums) {
        benchmark::DoNotOptimize(sum);
    }
}

// The same without VNNI, where each product is followed by a sum. Sums of 8 bits go on in 16.
template <bool kIs16>
__attribute__((target("avx2"))) void pair_products(std::int64_t rounds) {
    __m256i sums[kChains];
    for (__m256i& sum : sums) {
        sum = _mm256_setzero_si256();
    }
    __m256i a = _mm256_set1_epi32(0x01020304);
    for (std::int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
        for (int i = 0; i < kChains; ++i) {
            benchmark::DoNotOptimize(a);
            sums[i] = kIs16 ? _mm256_add_epi32(sums[i], _mm256_madd_epi16(a, a))
                            : _mm256_add_epi16(sums[i], _mm256_maddubs_epi16(a, a));
        }
    }
    for (__m256i& sum : sums) {
        benchmark::DoNotOptimize(sum);
    }
}

struct PeakKernel {
    void (*run)(std::int64_t rounds) = nullptr;  // kChains products a round.
    double operations = 0;                       // Of one product.
};

PeakKernel peak_kernel(bool is_16_bits) {
    switch (best_linear_table().isa) {
        case LinearIsa::kAvx512Vnni:
            return {
                .run = is_16_bits ? dot_products<true> : dot_products<false>,
                .operations = is_16_bits ? 64.0 : 128.0
            };
        case LinearIsa::kAvx2:
            return {
                .run = is_16_bits ? pair_products<true> : pair_products<false>,
                .operations = is_16_bits ? 32.0 : 64.0
            };
        default:
            return {};
    }
}
#endif

// Operations a second that dot product instructions reach from registers on all threads; 0 where there are
// none.
double dot_product_peak(bool is_16_bits, ThreadTeam& team) {
    double best = 0;
#if defined(__x86_64__)
    const PeakKernel kernel = peak_kernel(is_16_bits);
    if (kernel.run == nullptr) {
        return 0;
    }
    constexpr std::int64_t kRounds = 2'000'000;
    for (int pass = 0; pass < 5; ++pass) {
        const std::int64_t begin = monotonic_now_us();
        team.run(16, 1, [&](int, std::int64_t first, std::int64_t last) {
            kernel.run(kRounds * (last - first));
        });
        best = std::max(best, 16.0 * kRounds * kChains * kernel.operations / seconds_since(begin));
    }
#endif
    return best;
}

// All linear layers of a model. Which numbers they hold does not matter: all layers have the same.
class LinearLayers {
public:
    LinearLayers(const Shape& shape, DataType type, ThreadTeam& team) : shape_(shape) {
        for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
            add(type, shape.hidden + 2 * shape.kv_size, shape.hidden, team);
            add(type, shape.hidden, shape.hidden, team);
            add(type, 2 * shape.intermediate, shape.hidden, team);
            add(type, shape.hidden, shape.intermediate, team);
        }
        head_index_ = matrices_.size();
        add(type, shape.vocabulary, shape.hidden, team);
    }

    std::int64_t bytes() const {
        std::int64_t sum = 0;
        for (const PackedMatrix& matrix : matrices_) {
            sum += matrix.bytes();
        }
        return sum;
    }

    // Operations for `tokens` tokens, of which the head sees `head_tokens`.
    double operations(std::int64_t tokens, std::int64_t head_tokens) const {
        double sum = 0;
        for (std::size_t i = 0; i < matrices_.size(); ++i) {
            const auto weights = static_cast<double>(matrices_[i].rows() * matrices_[i].columns());
            sum += 2 * weights * static_cast<double>(i == head_index_ ? head_tokens : tokens);
        }
        return sum;
    }

    void run(std::int64_t tokens, std::int64_t head_tokens, ThreadTeam& team) {
        x_.resize(static_cast<std::size_t>(tokens * shape_.intermediate), 0.5F);
        y_.resize(static_cast<std::size_t>(
            std::max(tokens * 2 * shape_.intermediate, head_tokens * shape_.vocabulary)
        ));
        for (std::size_t i = 0; i < matrices_.size(); ++i) {
            const PackedMatrix& matrix = matrices_[i];
            inputs_.assign(x_.data(), i == head_index_ ? head_tokens : tokens, matrix.columns());
            multiply(matrix, inputs_, y_.data(), team);
        }
    }

private:
    void add(DataType type, std::int64_t rows, std::int64_t columns, ThreadTeam& team) {
        source_.resize(static_cast<std::size_t>(bytes_of(type, rows * columns)), std::byte{0x2A});
        matrices_.push_back(
            PackedMatrix::pack({.data = source_.data(), .type = type, .rows = rows, .columns = columns}, team)
        );
    }

    Shape shape_;
    std::vector<std::byte> source_;
    std::vector<PackedMatrix> matrices_;
    std::size_t head_index_ = 0;
    Activations inputs_;
    std::vector<float> x_;
    std::vector<float> y_;
};

void linear_layers(benchmark::State& state) {
    ThreadTeam team(kThreads);
    const auto type = static_cast<DataType>(state.range(1));
    const std::int64_t tokens = state.range(2);
    const std::int64_t head_tokens = tokens > 64 ? 1 : tokens;
    LinearLayers layers(kShapes[state.range(0)], type, team);
    layers.run(tokens, head_tokens, team);
    for (auto _ : state) {
        layers.run(tokens, head_tokens, team);
    }
    const auto bytes = static_cast<double>(layers.bytes());
    const double operations = layers.operations(tokens, head_tokens);
    const bool is_16_bits = input_form_of(packed_format_of(type)) == InputForm::kInt16;
    const auto runs = static_cast<double>(state.iterations());
    const double bandwidth = read_bandwidth(std::min(layers.bytes(), std::int64_t{1} << 30), team);
    const double peak = dot_product_peak(is_16_bits, team);
    using benchmark::Counter;
    state.counters["tokens_per_s"] = Counter(runs * static_cast<double>(tokens), Counter::kIsRate);
    state.counters["GB_per_s"] = Counter(runs * bytes / 1e9, Counter::kIsRate);
    state.counters["of_bandwidth"] = Counter(runs * bytes / bandwidth, Counter::kIsRate);
    state.counters["Gop_per_s"] = Counter(runs * operations / 1e9, Counter::kIsRate);
    state.counters["of_peak"] = Counter(peak > 0 ? runs * operations / peak : 0, Counter::kIsRate);
    state.counters["bandwidth_GB_per_s"] = bandwidth / 1e9;
    state.counters["peak_Gop_per_s"] = peak / 1e9;
}

constexpr auto kF16 = static_cast<std::int64_t>(DataType::kF16);
constexpr auto kQ8 = static_cast<std::int64_t>(DataType::kQ8_0);
constexpr auto kQ4 = static_cast<std::int64_t>(DataType::kQ4_0);
constexpr auto kQ4K = static_cast<std::int64_t>(DataType::kQ4K);
constexpr auto kQ6K = static_cast<std::int64_t>(DataType::kQ6K);

BENCHMARK(linear_layers)
    ->ArgNames({"shape", "type", "tokens"})
    ->ArgsProduct({{0}, {kF16, kQ8, kQ4}, {1, 8, 512}})
    ->ArgsProduct({{1, 2}, {kF16, kQ8, kQ4, kQ4K, kQ6K}, {1, 8, 512}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace capstan::engine::kernels
