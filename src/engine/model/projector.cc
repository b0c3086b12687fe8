#include "engine/model/projector.h"

#include "engine/model/row_loop.h"

namespace capstan::engine {
namespace {

// Below this many multiplications a loop is not worth waking other threads.
constexpr std::int64_t kSharedWorkMin = 100'000;

}  // namespace

void Projector::project(
    std::span<const BatchRow> rows, std::int64_t layer, const float* x, std::span<const Product> products
) {
    const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(layer)];
    const Projection first = products.front().projection;
    const std::int64_t columns = weights[first].weight.columns();
    if (observer_ != nullptr) {
        observer_->see(layer, first, x, std::ssize(rows), columns);
    }
    inputs_.assign(x, std::ssize(rows), columns);
    for (const Product& product : products) {
        kernels::multiply(weights[product.projection].weight, inputs_, product.out, team_);
    }
    for (const Product& product : products) {
        add_adapters(
            rows,
            [&](const Adapter& adapter) { return adapter.find(layer, product.projection); },
            x,
            product.out
        );
    }
}

void Projector::multiply(const kernels::PackedMatrix& matrix, const float* x, std::int64_t rows, float* y) {
    inputs_.assign(x, rows, matrix.columns());
    kernels::multiply(matrix, inputs_, y, team_);
}

void Projector::head(std::span<const BatchRow> rows, const float* x, float* logits) {
    const Linear& head = weights_.head;
    multiply(
        head.weight.empty() ? weights_.embedding : head.weight,
        x,
        static_cast<std::int64_t>(rows.size()),
        logits
    );
    add_adapters(rows, [](const Adapter& adapter) { return adapter.head(); }, x, logits);
}

void Projector::matmul(const kernels::WeightMatrix& weights, const float* x, std::int64_t rows, float* y) {
    constexpr std::int64_t kRowGrain = 8;
    const bool is_small = weights.rows * weights.columns * rows < kSharedWorkMin;
    team_.run(
        weights.rows,
        is_small ? weights.rows : kRowGrain,
        [&](int, std::int64_t begin, std::int64_t end) {
            kernels::best_kernels().matmul(
                {.weights = weights, .x = x, .tokens = rows, .y = y, .row_begin = begin, .row_end = end}
            );
        }
    );
}

// Adds each adapter's part to the rows that use it; neighbouring rows with one adapter go together.
template <typename PairOf>
void Projector::add_adapters(
    std::span<const BatchRow> rows, const PairOf& pair_of, const float* x, float* y
) {
    for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin + 1;
        while (end < rows.size() && rows[end].adapter == rows[begin].adapter) {
            ++end;
        }
        const LoraPair* pair = rows[begin].adapter == nullptr ? nullptr : pair_of(*rows[begin].adapter);
        if (pair != nullptr) {
            const auto count = static_cast<std::int64_t>(end - begin);
            const auto first = static_cast<std::int64_t>(begin);
            grow(lora_inner_, count * pair->a.rows);
            grow(lora_outer_, count * pair->b.rows);
            matmul(pair->a, x + first * pair->a.columns, count, lora_inner_.data());
            matmul(pair->b, lora_inner_.data(), count, lora_outer_.data());
            math_.add(y + first * pair->b.rows, lora_outer_.data(), pair->scale, count * pair->b.rows);
        }
        begin = end;
    }
}

}  // namespace capstan::engine
