#pragma once

// How the rows of a text's tokens become one vector.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/encoder_config.h"

namespace capstan::engine {

// To length one; a vector of zeros stays as it is.
void scale_to_length_one(std::span<float> vector);

// For one text whose rows come one by one, in the order of its tokens. What comes out depends, to the bit, on
// the rows only, not on how many came at a time.
class VectorPool {
public:
    // kLast or kMean.
    explicit VectorPool(Pooling pooling) : pooling_(pooling) {}

    void add(std::span<const float> row);

    // After the last row; then it is empty again.
    std::vector<float> take();

private:
    Pooling pooling_;
    std::int64_t rows_ = 0;
    std::vector<double> sum_;
};

}  // namespace capstan::engine
