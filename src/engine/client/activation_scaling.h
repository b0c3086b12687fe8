#pragma once

// Activation-aware scaling before quantising (AWQ; Lin et al. 2023): columns of a matrix that meet large
// inputs are multiplied by a scale, so that they lose less, and what makes those inputs (a norm, or the rows
// of the matrix before) is divided by it. The function that the model computes stays the same.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/client/calibration.h"
#include "engine/files/tensor.h"
#include "engine/model/config.h"

namespace capstan::engine {

// By names in the file.
struct WeightScaling {
    std::map<std::string, std::vector<float>> columns;  // [columns]: multiply them.
    std::map<std::string, std::vector<float>> rows;     // [rows], or a vector's elements: divide them.
    std::map<std::string, float> offsets;               // Of such vectors: added before, taken away after.
};

// Matrices that share an input, and what makes that input: a norm, or a matrix with a row for each of its
// columns.
struct ScaledGroup {
    std::string source;
    std::string bias;         // A group whose source has this tensor is left alone.
    float source_offset = 0;  // The source works as its numbers plus this.
    std::vector<std::string> matrices;
};

struct ScalingSearch {
    std::function<const Tensor*(const std::string& name)> find;  // Null when there is none.
    std::function<DataType(const Tensor&)> type_of;              // What a matrix will be.
    const std::map<std::string, InputColumns>& inputs;
};

// Those behind norms, and the down projections of gated MLPs.
std::vector<ScaledGroup> scaled_groups_of(
    std::int64_t layers, const ScalingSearch& search
);                                                                     // By GGUF's names.
std::vector<ScaledGroup> scaled_groups_of(const ModelConfig& config);  // By those of a folder.

// Scales are magnitude^α, with the α of 0, 0.1, … 0.9 for which a sample of rows, quantised to their type,
// misses least, weighed by the inputs' mean squares. A group of which a part is missing is left alone.
WeightScaling find_scaling(const ScalingSearch& search, const std::vector<ScaledGroup>& groups);

}  // namespace capstan::engine
