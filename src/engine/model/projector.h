#pragma once

// Products of a batch with the linear layers, and what adapters add to them.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/linear.h"
#include "engine/model/adapter_sum.h"
#include "engine/model/batch.h"
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
    Projector(const Weights& weights, ThreadTeam& team) : weights_(weights), team_(team), adapters_(team) {}

    // Products of the same x, [rows, in], all of one InputGroup, and what adapters add; without biases.
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
    const Weights& weights_;
    ThreadTeam& team_;
    InputObserver* observer_ = nullptr;
    AdapterSum adapters_;
    kernels::Activations inputs_;  // Of the product that is next.
};

}  // namespace capstan::engine
