#pragma once

// Activation-aware scaling before quantising (AWQ; Lin et al. 2023): columns of a matrix that meet large
// inputs are multiplied by a scale, so that they lose less, and what makes those inputs (a norm, or the rows
// of the matrix before) is divided by it. The function that the model computes stays the same.

#include <map>
#include <string>
#include <vector>

#include "engine/client/calibration.h"
#include "engine/files/gguf.h"
#include "engine/files/gguf_writer.h"

namespace capstan::engine {

// By names in the file.
struct WeightScaling {
    std::map<std::string, std::vector<float>> columns;  // [columns]: multiply them.
    std::map<std::string, std::vector<float>> rows;     // [rows], or a vector's elements: divide them.
};

// Scales are magnitude^α, with the α of 0, 0.1, … 0.9 for which a sample of rows, quantised to the types of
// `plan`, misses least, weighed by the inputs' mean squares. For matrices behind a norm without bias, and for
// the down projection of a gated MLP; what else a file has is left alone.
WeightScaling find_scaling(
    const GgufFile& file,
    const std::vector<GgufTensorPlan>& plan,
    const std::map<std::string, InputColumns>& inputs
);

}  // namespace capstan::engine
