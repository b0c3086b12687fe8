// Any bytes as a kernel, a shape and a seed: every version that this processor can run is near its scalar
// twin, and attention gives a query the same bits in any tile. tests/arm64 runs the same cases on other
// processors.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/fuzz_choices.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/lora.h"
#include "engine/kernels/reductions.h"

namespace capstan::engine::kernels {
namespace {

bool are_close(const Floats& a, const Floats& b, float tolerance) {
    return std::ranges::equal(a, b, [&](float x, float y) {
        return std::abs(x - y) <= tolerance * (1 + std::abs(y));
    });
}

// One sequence in pages, with a tile of queries at its end.
struct AttentionCase {
    KvHead head;
    std::int64_t tokens = 0;
    AttentionTile tile;
    std::vector<std::vector<std::byte>> pages;
    std::vector<std::byte*> blocks;
};

Floats attend(const AttentionCase& work, const AttentionKernels& kernels, std::int64_t rows_at_once) {
    Floats out(static_cast<std::size_t>(work.tile.rows * work.tile.query_stride));
    for (std::int64_t row = 0; row < work.tile.rows; row += rows_at_once) {
        AttentionTile tile = work.tile;
        tile.query += row * tile.query_stride;
        tile.position += row;
        tile.rows = std::min(rows_at_once, work.tile.rows - row);
        const std::int64_t queries = tile.queries();
        const std::int64_t size = AttentionSums::size(queries, work.head.head_dim);
        Floats scratch(static_cast<std::size_t>(attention_scratch(queries, work.head.head_dim)));
        Floats memory(static_cast<std::size_t>(2 * size));
        const auto all = AttentionSums::at(memory.data(), queries);
        const auto one = AttentionSums::at(memory.data() + size, queries);
        clear(all, queries, work.head.head_dim);
        for (std::int64_t span = tile.first_span(); span <= tile.last_span(); ++span) {
            kernels.span(tile, span, one, scratch.data());
            kernels.merge({.into = all, .from = one, .queries = queries, .head_dim = work.head.head_dim});
        }
        finish(tile, all, out.data() + row * tile.query_stride);
    }
    return out;
}

void check_attention(Choices& choices) {
    const auto type = choices.one_of({KvType::kF32, KvType::kF16, KvType::kI8, KvType::kI4});
    AttentionCase work = {.head = {.head_dim = 2 * choices.between(1, 70), .type = type}};
    work.tokens = choices.between(1, 700);
    const std::int64_t group = choices.between(1, 7);
    const std::int64_t rows = choices.between(1, std::min<std::int64_t>(work.tokens, 9));
    const Floats keys = choices.floats(work.tokens * work.head.head_dim);
    const Floats values = choices.floats(work.tokens * work.head.head_dim);
    const Floats query = choices.floats(rows * group * work.head.head_dim);
    for (std::int64_t page = 0; page <= work.tokens / kKvBlockTokens; ++page) {
        work.pages.emplace_back(static_cast<std::size_t>(work.head.bytes()), std::byte{0xFF});
        work.blocks.push_back(work.pages.back().data());
    }
    const KvView kv = {
        .blocks = work.blocks.data(), .kv_heads = 1, .head_dim = work.head.head_dim, .type = type
    };
    work.tile = {
        .query = query.data(),
        .query_stride = group * work.head.head_dim,
        .rows = rows,
        .group = group,
        .position = work.tokens - rows,
        .kv = kv,
        .scale = 1 / std::sqrt(static_cast<float>(work.head.head_dim)),
        .softcap = choices.one_of({0.0F, 2.0F}),
        .window = choices.one_of({std::int64_t{0}, choices.between(1, 700)}),
        .tokens = choices.one_of({std::int64_t{0}, work.tokens}),
    };
    if (work.tile.tokens > 0) {
        work.tile.window = 0;
    }
    const AttentionKernels& scalar = attention_kernels_for(Isa::kScalar);
    for (const Isa isa : supported_isas()) {
        const AttentionKernels& kernels = attention_kernels_for(isa);
        kernels.store({.kv = kv, .rows = work.tokens, .keys = keys.data(), .values = values.data()});
        const Floats together = attend(work, kernels, rows);
        CHECK(are_close(together, attend(work, scalar, rows), 2e-5F), "attention is near its definition");
        CHECK(together == attend(work, kernels, 1), "a query is the same bits in any tile");
    }
}

void check_reductions(Choices& choices) {
    const std::int64_t count = choices.between(2, 5'000);  // One of them is not minus infinity.
    Floats x = choices.floats(count, 3);
    x[static_cast<std::size_t>(choices.between(0, count - 1))] = -std::numeric_limits<float>::infinity();
    const float least = x[static_cast<std::size_t>(choices.between(0, count - 1))];
    const auto room = static_cast<std::size_t>(choices.between(0, count));
    std::vector<std::uint64_t> bits(static_cast<std::size_t>(count + 63) / 64);
    const auto random_bits = choices.bytes(std::ssize(bits) * 8);
    std::memcpy(bits.data(), random_bits.data(), random_bits.size());
    const ReductionTable& scalar = reductions_for(Isa::kScalar);
    const Largest largest = scalar.largest(x.data(), count);
    const ExpWork work = {.x = x.data(), .count = count, .shift = largest.value, .scale = 0.7F};
    const bool is_finite = scalar.all_finite(x.data(), count);
    for (const Isa isa : supported_isas()) {
        const ReductionTable& table = reductions_for(isa);
        const Largest found = table.largest(x.data(), count);
        CHECK(found.value == largest.value && found.index == largest.index, "the first of the largest");
        const double sum = scalar.exp_sum(work, nullptr);
        // 128 additions in each lane of a block.
        CHECK(std::abs(table.exp_sum(work, nullptr) - sum) <= 1e-5 * sum, "sums are near");
        const auto run = [&](const ReductionTable& by) {
            Floats outputs[3];
            for (Floats& out : outputs) {
                out.resize(static_cast<std::size_t>(count));
            }
            by.exps(work, outputs[0].data());
            by.block_largest(x.data(), count, outputs[1].data());
            by.mask(x, bits.data(), outputs[2].data());
            std::vector<std::int32_t> places(room);
            const std::int64_t all = by.collect(x, least, places);
            return std::tuple(outputs[0], outputs[1], outputs[2], places, all);
        };
        const auto actual = run(table);
        const auto expected = run(scalar);
        CHECK(are_close(std::get<0>(actual), std::get<0>(expected), 1e-6F), "powers are near");
        CHECK(std::get<1>(actual) == std::get<1>(expected), "the largest of blocks");
        CHECK(std::get<2>(actual) == std::get<2>(expected), "what a mask allows");
        CHECK(std::get<3>(actual) == std::get<3>(expected), "what is large enough");
        CHECK(std::get<4>(actual) == std::get<4>(expected), "how much is large enough");
        CHECK(table.all_finite(x.data(), count) == is_finite, "what is finite");
    }
}

void check_lora(Choices& choices) {
    const auto type = choices.one_of({DataType::kF32, DataType::kF16, DataType::kBf16});
    const std::int64_t ranks = choices.between(1, 40);
    const std::int64_t columns = choices.between(1, 300);
    const std::int64_t outputs = choices.between(1, kLoraOutputs);
    const std::int64_t rows = choices.between(1, kLoraRowsMax);
    const auto a_bytes = choices.numbers(type, ranks * columns);
    const auto b_bytes = choices.numbers(type, outputs * ranks);
    const auto precision =
        choices.one_of({LoraPrecision::kStored, LoraPrecision::kHalf, LoraPrecision::kInt8});
    const LoraMatrix a = LoraMatrix::pack_a(
        {.data = a_bytes.data(), .type = type, .rows = ranks, .columns = columns}, precision
    );
    const LoraMatrix b = LoraMatrix::pack_b(
        {.data = b_bytes.data(), .type = type, .rows = outputs, .columns = ranks}, precision
    );
    const Floats x = choices.floats(rows * columns, 0.1F);
    Floats expected;
    for (const Isa isa : supported_isas()) {
        const LoraTable& table = lora_table_for(isa);
        const std::int64_t padded = a.tiles() * kLoraRanks;
        Floats inner(static_cast<std::size_t>(rows * padded));
        Floats y(static_cast<std::size_t>(rows * outputs), 0.5F);
        LoraOuterWork outer = {.tile = b.tile(0), .type = b.type(), .ranks = ranks, .outputs = outputs};
        outer.rows = rows;
        for (std::int64_t tile = 0; tile < a.tiles(); ++tile) {
            LoraInnerWork work = {.tile = a.tile(tile), .type = a.type(), .columns = columns, .rows = rows};
            for (std::int64_t i = 0; i < rows; ++i) {
                work.x[i] = x.data() + i * columns;
                work.inner[i] = inner.data() + i * padded + tile * kLoraRanks;
                outer.inner[i] = inner.data() + i * padded;
                outer.y[i] = y.data() + i * outputs;
            }
            table.inner(work);
        }
        table.outer(outer);
        expected = isa == Isa::kScalar ? y : expected;
        // Sums of up to 300 products around 0.1, then of 40 around 2: a few thousand roundings at most.
        CHECK(are_close(y, expected, 1e-4F), "low-rank updates are near");
    }
}

// Runs `work` by each version on a copy of `x` and compares what became of it.
template <typename Function>
void check_each(const Floats& x, float tolerance, const Function& work) {
    Floats expected;
    for (const Isa isa : supported_isas()) {
        Floats out = x;
        work(kernels_for(isa), out);
        expected = isa == Isa::kScalar ? out : expected;
        CHECK(are_close(out, expected, tolerance), "a row is near its definition");
    }
}

void check_rows(Choices& choices) {
    const std::int64_t count = choices.between(2, 300);
    const Floats x = choices.floats(count, 3);
    const Floats weight = choices.floats(count);
    const Floats bias = choices.floats(count);
    check_each(x, 2e-6F, [&](const KernelTable& table, Floats& out) {
        table.rms_norm(
            {.x = out.data(), .weight = weight.data(), .out = out.data(), .count = count, .epsilon = 1e-5F}
        );
    });
    check_each(x, 2e-5F, [&](const KernelTable& table, Floats& out) {
        table.layer_norm({
            .x = out.data(),
            .weight = weight.data(),
            .bias = bias.data(),
            .out = out.data(),
            .count = count,
            .epsilon = 1e-5F,
        });
    });
    check_each(x, 2e-6F, [&](const KernelTable& table, Floats& out) {
        table.add({.y = out.data(), .x = bias.data(), .scale = 0.7F, .count = count});
    });
    const Floats turns = choices.floats(count);
    check_each(x, 3e-6F, [&](const KernelTable& table, Floats& out) {
        table.rope({
            .x = out.data(),
            .heads = 1,
            .head_dim = count / 2 * 2,
            .cosines = turns.data(),
            .sines = turns.data() + count / 2,
        });
    });
    const auto kind =
        choices.one_of({ActivationKind::kSilu, ActivationKind::kGelu, ActivationKind::kGeluTanh});
    check_each(x, 2e-6F, [&](const KernelTable& table, Floats& out) {
        table.activate(
            {.kind = kind, .gate = out.data(), .up = weight.data(), .out = out.data(), .count = count}
        );
    });
    check_each(x, 6e-6F, [&](const KernelTable& table, Floats& out) {
        table.soft_cap({.x = out.data(), .cap = 30, .count = count});
    });
}

void check_matmul(Choices& choices) {
    const auto type = choices.one_of({DataType::kF32, DataType::kF16, DataType::kBf16});
    const std::int64_t rows = choices.between(1, 45);
    const std::int64_t columns = choices.between(1, 150);
    const std::int64_t tokens = choices.between(1, 20);
    const auto weights = choices.numbers(type, rows * columns);
    const Floats x = choices.floats(tokens * columns);
    check_each(
        Floats(static_cast<std::size_t>(tokens * rows)),
        2e-5F,
        [&](const KernelTable& table, Floats& y) {
            table.matmul({
                .weights = {.data = weights.data(), .type = type, .rows = rows, .columns = columns},
                .x = x.data(),
                .tokens = tokens,
                .y = y.data(),
                .row_end = rows,
            });
        }
    );
}

void check_one(Choices& choices) {
    using Check = void (*)(Choices&);
    constexpr Check kChecks[] = {check_attention, check_reductions, check_lora, check_rows, check_matmul};
    kChecks[choices.between(0, std::ssize(kChecks) - 1)](choices);
}

}  // namespace
}  // namespace capstan::engine::kernels

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    capstan::engine::kernels::Choices choices({data, size});
    capstan::engine::kernels::check_one(choices);
    return 0;
}
