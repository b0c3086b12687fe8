#pragma once

// Somebody who wants to see what the linear layers of a model are given: for calibration.

#include <cstdint>

#include "engine/model/projection.h"

namespace capstan::engine {

class InputObserver {
public:
    virtual ~InputObserver() = default;

    // x is [rows, columns], valid during the call. Layers that share an input are seen once, by the first of
    // them in the order of Projection. From the thread that runs the model.
    virtual void see(
        std::int64_t layer, Projection projection, const float* x, std::int64_t rows, std::int64_t columns
    ) = 0;
};

}  // namespace capstan::engine
