#pragma once

// Products of a batch with the linear layers, and what adapters add to them.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/linear.h"
#include "engine/model/batch.h"
#include "engine/model/elementwise.h"
#include "engine/model/input_observer.h"
#include "engine/model/weights.h"

namespace capstan::engine {

struct Product {
    Projection projection;
    float* out = nullptr;  // [rows, shape_of(projection).out]
};

// Used by one thread at a time.
class Projector {
public:
    // All outlive this.
    Projector(const Weights& weights, const RowMath& math, ThreadTeam& team)
        : weights_(weights), math_(math), team_(team) {}

    // Each product of the same x, [rows, in], and its adapters' parts; without biases.
    void project(
        std::span<const BatchRow> rows, std::int64_t layer, const float* x, std::span<const Product> products
    );

    // Null for nobody; it outlives this, or the next call.
    void observe(InputObserver* observer) { observer_ = observer; }

    // y = matrix · x, of `rows` rows, as it is.
    void multiply(const kernels::PackedMatrix& matrix, const float* x, std::int64_t rows, float* y);

    // Logits [rows, vocabulary].
    void head(std::span<const BatchRow> rows, const float* x, float* logits);

private:
    void matmul(const kernels::WeightMatrix& weights, const float* x, std::int64_t rows, float* y);
    template <typename PairOf>
    void add_adapters(std::span<const BatchRow> rows, const PairOf& pair_of, const float* x, float* y);

    const Weights& weights_;
    const RowMath& math_;
    ThreadTeam& team_;
    InputObserver* observer_ = nullptr;
    kernels::Activations inputs_;    // Of the product that is next.
    std::vector<float> lora_inner_;  // [rows of one adapter, rank]
    std::vector<float> lora_outer_;  // [rows of one adapter, out]
};

}  // namespace capstan::engine
