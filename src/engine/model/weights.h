#pragma once

// The weights of a Llama model: matrices packed for the kernels, vectors as float32.

#include <array>
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "engine/files/checkpoint.h"
#include "engine/kernels/linear.h"
#include "engine/model/config.h"
#include "engine/model/projection.h"

namespace capstan::engine {

struct Linear {
    kernels::PackedMatrix weight;  // [out, in]
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
    kernels::PackedMatrix embedding;
    std::vector<LayerWeights> layers;
    std::vector<float> final_norm;
    Linear head;                    // Empty when tied: the embedding is the head.
    std::int64_t matmul_bytes = 0;  // Read for each token that is decoded.
};

// The tensor as a matrix of exactly this shape. kInvalid, naming it, when it is missing or of another shape
// or type.
Result<kernels::WeightMatrix> find_matrix(
    const Tensor* tensor, std::string_view name, std::int64_t rows, std::int64_t columns
);

// kInvalid, naming the tensor, for what is missing, of another shape, or not part of this model.
Result<Weights> load_weights(
    const std::filesystem::path& directory, const ModelConfig& config, ThreadTeam& team
);

}  // namespace capstan::engine
