// Any bytes as a shape, a format and a seed: the packed products of every version that this processor can run
// are those of the scalar one, to the bit, whatever weights and inputs are. tests/arm64 runs the same cases
// on other processors.

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "engine/kernels/fuzz_choices.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/linear_pack.h"

namespace capstan::engine::kernels {
namespace {

bool same_bits(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

// Rows of weights become 14 bits in the same way.
void check_rounding(const WeightMatrix& source) {
    const auto bytes = layout_of(PackedFormat::kInt16).tile_bytes(source.columns);
    std::vector<std::byte> expected;
    for (const LinearIsa isa : supported_linear_isas()) {
        std::vector<std::byte> tile(static_cast<std::size_t>(bytes));
        pack_tile({
            .source = source,
            .format = PackedFormat::kInt16,
            .to = tile.data(),
            .table = &linear_table_for(isa),
        });
        expected = isa == LinearIsa::kScalar ? tile : expected;
        CHECK(tile == expected, "weights are rounded to the same bits");
    }
}

void check_linear(Choices& choices) {
    using enum DataType;
    const auto type = choices.one_of(
        {kF32, kF16, kBf16, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4K, kQ5K, kQ6K, kMxfp4, kF8E4m3}
    );
    const auto as =
        choices.one_of({PackAs::kStored, PackAs::kStored, PackAs::kFloat, PackAs::kInt8, PackAs::kInt4});
    const std::int64_t block = block_of(type).elements;
    const std::int64_t columns =
        block == 1 ? choices.between(1, 300) : block * choices.between(1, 640 / block);
    const std::int64_t rows = choices.between(1, 70);
    const std::int64_t tokens = choices.between(1, 40);
    const bool is_of_numbers = type == kF32 || type == kF16 || type == kBf16;
    const auto weights = is_of_numbers && choices.between(0, 3) > 0
                             ? choices.numbers(type, rows * columns)
                             : choices.bytes(bytes_of(type, rows * columns));  // Also infinities and NaN.
    const WeightMatrix source = {.data = weights.data(), .type = type, .rows = rows, .columns = columns};
    ThreadTeam team(1);
    const PackedMatrix matrix = PackedMatrix::pack(source, team, as);
    Floats x = choices.floats(tokens * columns);
    choices.spoil(x, 3);
    Floats expected;
    for (const LinearIsa isa : supported_linear_isas()) {
        Activations inputs(linear_table_for(isa));
        inputs.assign(x.data(), tokens, columns);
        Floats y(static_cast<std::size_t>(tokens * rows), 9);
        multiply(matrix, inputs, y.data(), team);
        expected = isa == LinearIsa::kScalar ? y : expected;
        CHECK(std::ranges::equal(y, expected, same_bits), "products are the same bits");
    }
    if (packed_format_of(type) == PackedFormat::kInt16) {
        check_rounding(source);
    }
}

}  // namespace
}  // namespace capstan::engine::kernels

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    capstan::engine::kernels::Choices choices({data, size});
    capstan::engine::kernels::check_linear(choices);
    return 0;
}
