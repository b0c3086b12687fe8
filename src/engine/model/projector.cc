#include "engine/model/projector.h"

#include <array>

namespace capstan::engine {
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
    std::array<AdapterOutput, kGroupPartsMax> outputs;
    for (std::size_t i = 0; i < products.size(); ++i) {
        const kernels::PackedMatrix& matrix = weights[products[i].projection].weight;
        kernels::multiply(matrix, inputs_, products[i].out, team_);
        outputs[i] = {
            .part = group_of(products[i].projection).part, .y = products[i].out, .outputs = matrix.rows()
        };
    }
    const InputGroup group = group_of(first).group;
    adapters_.add(
        rows,
        [&](const Adapter& adapter) { return adapter.find(layer, group); },
        x,
        columns,
        std::span(outputs).first(products.size())
    );
}

void Projector::multiply(const kernels::PackedMatrix& matrix, const float* x, std::int64_t rows, float* y) {
    inputs_.assign(x, rows, matrix.columns());
    kernels::multiply(matrix, inputs_, y, team_);
}

void Projector::head(std::span<const BatchRow> rows, const float* x, float* logits) {
    const kernels::PackedMatrix& matrix =
        weights_.head.weight.empty() ? weights_.embedding : weights_.head.weight;
    multiply(matrix, x, static_cast<std::int64_t>(rows.size()), logits);
    const std::array<AdapterOutput, 1> output = {{{.y = logits, .outputs = matrix.rows()}}};
    adapters_.add(rows, [](const Adapter& adapter) { return adapter.head(); }, x, matrix.columns(), output);
}

}  // namespace capstan::engine
