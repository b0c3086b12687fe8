#pragma once

// The weights of a Llama model: matrices stay where the file is mapped, in the type that they have there;
// vectors are copied as float32.

#include <array>
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "engine/checkpoint.h"
#include "engine/config.h"
#include "engine/kernels/kernels.h"
#include "engine/projection.h"

namespace capstan::engine {

struct Linear {
    kernels::WeightMatrix weight;  // [out, in]
    std::vector<float> bias;       // Empty for none.
};

struct LayerWeights {
    std::vector<float> attention_norm;
    std::vector<float> mlp_norm;
    std::array<Linear, kProjections.size()> linears;

    const Linear& operator[](Projection projection) const {
        return linears[static_cast<std::size_t>(projection)];
    }
};

struct Weights {
    Checkpoint checkpoint;  // Owns what the matrices point to.
    kernels::WeightMatrix embedding;
    std::vector<LayerWeights> layers;
    std::vector<float> final_norm;
    Linear head;                    // The embedding when tied.
    std::int64_t matmul_bytes = 0;  // Read for each token that is decoded.
};

// The tensor as a matrix of exactly this shape. kInvalid, naming it, when it is missing or of another shape
// or type.
Result<kernels::WeightMatrix> find_matrix(
    const Tensor* tensor, std::string_view name, std::int64_t rows, std::int64_t columns
);

// kInvalid, naming the tensor, for what is missing, of another shape, or not part of this model.
Result<Weights> load_weights(const std::filesystem::path& directory, const ModelConfig& config);

}  // namespace capstan::engine
