// The attention kernels against sums in double that anyone can check, the vector versions against the scalar
// ones, and each against itself in other tiles, where not a bit may differ.

#include "engine/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace capstan::engine::kernels {
namespace {

std::vector<float> random_floats(std::int64_t count, std::mt19937& random, float spread = 1) {
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> values(static_cast<std::size_t>(count));
    std::ranges::generate(values, [&] { return normal(random); });
    return values;
}

// What a sequence is and how it is looked at.
struct Case {
    KvShape shape = {.layers = 2, .kv_heads = 2, .head_dim = 32, .type = KvType::kF32};
    std::int64_t group = 3;
    std::int64_t tokens = 200;
    float softcap = 0;
    std::int64_t window = 0;
    bool whole = false;       // Every query sees every position.
    std::int64_t asked = 24;  // Only the last positions have queries.

    std::int64_t first() const { return std::max<std::int64_t>(0, tokens - asked); }
};

// Pages of layer 1 with random keys and values, and queries for all positions.
class Sequence {
public:
    Sequence(const Case& shape, const AttentionKernels& kernels, std::mt19937& random) : case_(shape) {
        const std::int64_t pages = (shape.tokens + kKvBlockTokens - 1) / kKvBlockTokens;
        const auto bytes = static_cast<std::size_t>(shape.shape.block_bytes());
        // What an earlier user left: bytes that are no number in any type.
        memory_.assign(static_cast<std::size_t>(pages), std::vector<std::byte>(bytes, std::byte{0xFF}));
        for (auto& page : memory_) {
            blocks_.push_back(page.data());
        }
        const std::int64_t size = shape.tokens * shape.shape.kv_heads * shape.shape.head_dim;
        keys = random_floats(size, random, 2);
        values = random_floats(size, random);
        query = random_floats(size * shape.group, random);
        kernels.store(
            {.kv = view(), .position = 0, .rows = shape.tokens, .keys = keys.data(), .values = values.data()}
        );
    }

    KvView view() const {
        return {
            .blocks = blocks_.data(),
            .layer_offset = case_.shape.layer_bytes(),
            .kv_heads = case_.shape.kv_heads,
            .head_dim = case_.shape.head_dim,
            .type = case_.shape.type
        };
    }

    AttentionTile tile(std::int64_t position, std::int64_t rows, std::int64_t kv_head) const {
        const std::int64_t row = case_.shape.kv_heads * case_.group * case_.shape.head_dim;
        return {
            .query = query.data() + position * row + kv_head * case_.group * case_.shape.head_dim,
            .query_stride = row,
            .rows = rows,
            .group = case_.group,
            .position = position,
            .kv = view(),
            .kv_head = kv_head,
            .scale = 1 / std::sqrt(static_cast<float>(case_.shape.head_dim)),
            .softcap = case_.softcap,
            .window = case_.window,
            .tokens = case_.whole ? case_.tokens : 0
        };
    }

    // All queries that are asked, in tiles of `rows` positions.
    std::vector<float> run(const AttentionKernels& kernels, std::int64_t rows) const {
        std::vector<float> out(query.size());
        for (std::int64_t begin = case_.first(); begin < case_.tokens; begin += rows) {
            for (std::int64_t head = 0; head < case_.shape.kv_heads; ++head) {
                const AttentionTile work = tile(begin, std::min(rows, case_.tokens - begin), head);
                run_tile(kernels, work, out.data() + (work.query - query.data()));
            }
        }
        const auto row = static_cast<std::ptrdiff_t>(out.size()) / case_.tokens;
        out.erase(out.begin(), out.begin() + case_.first() * row);
        return out;
    }

    std::vector<float> keys;
    std::vector<float> values;
    std::vector<float> query;

private:
    static void run_tile(const AttentionKernels& kernels, const AttentionTile& tile, float* out) {
        const std::int64_t queries = tile.queries();
        const std::int64_t size = AttentionSums::size(queries, tile.kv.head_dim);
        // As much as was promised, so that a sanitizer sees what is beyond.
        std::vector<float> scratch(static_cast<std::size_t>(attention_scratch(queries, tile.kv.head_dim)));
        std::vector<float> memory(static_cast<std::size_t>(2 * size));
        const auto all = AttentionSums::at(memory.data(), queries);
        const auto one = AttentionSums::at(memory.data() + size, queries);
        clear(all, queries, tile.kv.head_dim);
        for (std::int64_t span = tile.first_span(); span <= tile.last_span(); ++span) {
            kernels.span(tile, span, one, scratch.data());
            kernels.merge({.into = all, .from = one, .queries = queries, .head_dim = tile.kv.head_dim});
        }
        finish(tile, all, out);
    }

    Case case_;
    std::vector<std::vector<std::byte>> memory_;
    std::vector<std::byte*> blocks_;
};

// softmax(scale · query · keys) · values in double, from the keys and values themselves.
std::vector<float> expected_of(const Case& shape, const Sequence& sequence) {
    const std::int64_t head_dim = shape.shape.head_dim;
    const std::int64_t kv_size = shape.shape.kv_heads * head_dim;
    std::vector<float> out;
    const std::int64_t heads = shape.shape.kv_heads * shape.group;
    for (std::int64_t i = shape.first() * heads; i < shape.tokens * heads; ++i) {
        const std::int64_t row = i / heads;
        const std::int64_t head = i % heads / shape.group;
        const std::int64_t end = shape.whole ? shape.tokens : row + 1;
        const std::int64_t begin = shape.window == 0 ? 0 : std::max<std::int64_t>(0, end - shape.window);
        double weights = 0;
        std::vector<double> sums(static_cast<std::size_t>(head_dim));
        for (std::int64_t t = begin; t < end; ++t) {
            double score = 0;
            for (std::int64_t d = 0; d < head_dim; ++d) {
                score += static_cast<double>(sequence.query[static_cast<std::size_t>(i * head_dim + d)]) *
                         sequence.keys[static_cast<std::size_t>(t * kv_size + head * head_dim + d)];
            }
            score /= std::sqrt(static_cast<double>(head_dim));
            if (shape.softcap > 0) {
                score = shape.softcap * std::tanh(score / shape.softcap);
            }
            weights += std::exp(score);
            for (std::int64_t d = 0; d < head_dim; ++d) {
                sums[static_cast<std::size_t>(d)] +=
                    std::exp(score) *
                    sequence.values[static_cast<std::size_t>(t * kv_size + head * head_dim + d)];
            }
        }
        for (const double sum : sums) {
            out.push_back(static_cast<float>(sum / weights));
        }
    }
    return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        // Not a number is as far away as can be.
        const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
        largest = difference <= largest ? largest : difference;
    }
    return largest;
}

class AttentionKernel : public testing::TestWithParam<Isa> {
protected:
    const AttentionKernels& fast_ = attention_kernels_for(GetParam());
    const AttentionKernels& scalar_ = attention_kernels_for(Isa::kScalar);
    std::mt19937 random_{7};

    // Scores are around 4 and up to 20, values around 1: rounding is about 1e-6.
    void expect_exact(const Case& shape, double tolerance = 1e-5) {
        const Sequence sequence(shape, fast_, random_);
        const auto actual = sequence.run(fast_, 17);
        EXPECT_LT(largest_difference(actual, expected_of(shape, sequence)), tolerance)
            << "head_dim " << shape.shape.head_dim << ", group " << shape.group << ", tokens " << shape.tokens
            << ", window " << shape.window;
    }
};

TEST_P(AttentionKernel, EqualsSumsInDouble) {
    for (const std::int64_t head_dim : {2, 8, 14, 16, 24, 64, 80, 96, 130}) {
        Case shape = {.group = head_dim % 5 + 1, .tokens = 70 + head_dim / 4};
        shape.shape.head_dim = head_dim;
        expect_exact(shape);
    }
    for (const std::int64_t tokens : {1, 2, 15, 16, 17, 63, 64, 65, 511, 512, 513, 600}) {
        expect_exact({.group = tokens % 3 + 1, .tokens = tokens});
    }
}

TEST_P(AttentionKernel, SeesOnlyItsWindow) {
    for (const std::int64_t window : {1, 7, 16, 64, 65, 130, 530}) {
        expect_exact({.group = 2, .tokens = 560, .window = window});
    }
}

TEST_P(AttentionKernel, CapsScores) {
    // tanh near 0 is good to 1e-7 of 1, which the cap multiplies.
    expect_exact({.softcap = 2});
    expect_exact({.softcap = 50, .window = 20}, 1e-4);
}

TEST_P(AttentionKernel, SeesWholeTexts) {
    for (const std::int64_t tokens : {1, 5, 64, 70, 520}) {
        expect_exact({.group = 1, .tokens = tokens, .whole = true});
    }
}

TEST_P(AttentionKernel, EveryTypeEqualsItsScalarTwin) {
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kI8, KvType::kI4}) {
        for (const std::int64_t head_dim : {14, 64, 130}) {
            Case shape = {.group = 5, .tokens = 90, .asked = 20};
            shape.shape = {.layers = 2, .kv_heads = 2, .head_dim = head_dim, .type = type};
            const Sequence sequence(shape, fast_, random_);
            for (const std::int64_t rows : {1, 20}) {
                const auto actual = sequence.run(fast_, rows);
                EXPECT_LT(largest_difference(actual, sequence.run(scalar_, rows)), 1e-5)
                    << "type " << static_cast<int>(type) << ", head_dim " << head_dim;
            }
        }
    }
}

TEST_P(AttentionKernel, AQueryIsTheSameBitsInAnyTile) {
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kI8, KvType::kI4}) {
        for (const std::int64_t window : {0, 70}) {
            Case shape = {.group = 2, .tokens = 540, .softcap = 30, .window = window, .asked = 75};
            shape.shape = {.layers = 2, .kv_heads = 1, .head_dim = 24, .type = type};
            const Sequence sequence(shape, fast_, random_);
            const auto whole = sequence.run(fast_, 75);
            for (const std::int64_t rows : {1, 5, 40}) {
                EXPECT_EQ(sequence.run(fast_, rows), whole)
                    << "type " << static_cast<int>(type) << ", tiles of " << rows;
            }
        }
    }
}

TEST_P(AttentionKernel, StoresTheSameBytesAsItsScalarTwin) {
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kI8, KvType::kI4}) {
        for (const std::int64_t head_dim : {2, 30, 64, 130, 300}) {
            const KvShape shape = {.layers = 1, .kv_heads = 2, .head_dim = head_dim, .type = type};
            const auto bytes = static_cast<std::size_t>(shape.block_bytes());
            std::vector<std::byte> expected(bytes);
            std::vector<std::byte> actual(bytes);
            auto keys = random_floats(3 * 2 * head_dim, random_, 3);
            auto values = random_floats(3 * 2 * head_dim, random_, 3);
            keys[1] = INFINITY;
            values[0] = -1e30F;
            std::fill_n(values.begin() + head_dim, head_dim, 0.0F);
            std::byte* block = expected.data();
            KvStore work = {
                .kv = {.blocks = &block, .kv_heads = 2, .head_dim = head_dim, .type = type},
                .position = 12,
                .rows = 3,
                .keys = keys.data(),
                .values = values.data()
            };
            scalar_.store(work);
            block = actual.data();
            fast_.store(work);
            EXPECT_EQ(actual == expected, true)
                << "type " << static_cast<int>(type) << ", head_dim " << head_dim;
        }
    }
}

std::string isa_name(const testing::TestParamInfo<Isa>& test) {
    constexpr const char* kNames[] = {"Scalar", "Avx2", "Avx512", "Neon"};
    return kNames[static_cast<std::size_t>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AttentionKernel, testing::ValuesIn(supported_isas()), isa_name);

}  // namespace
}  // namespace capstan::engine::kernels
