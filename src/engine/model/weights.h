#pragma once

// The weights of a decoder: matrices packed for the kernels, vectors as float32.

#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.h"
#include "engine/files/checkpoint.h"
#include "engine/kernels/linear.h"
#include "engine/model/config.h"
#include "engine/model/projection.h"
#include "engine/model/tensor_loader.h"

namespace capstan::engine {

struct Norm {
    std::vector<float> weight;  // Empty for no norm at all.
    std::vector<float> bias;    // Of layer norms only.

    bool empty() const { return weight.empty(); }
};

struct MlpWeights {
    Linear gate;  // Empty when the MLP is not gated.
    Linear up;
    Linear down;
};

struct ExpertWeights {
    Linear router;  // [experts, hidden]
    std::vector<MlpWeights> experts;
    MlpWeights shared;   // Empty for none.
    Linear shared_gate;  // [1, hidden]: its sigmoid weighs the shared expert.
};

struct LayerWeights {
    Norm attention_norm;
    Norm attention_post_norm;
    Norm mlp_norm;
    Norm mlp_post_norm;
    Norm query_norm;  // [head_dim]
    Norm key_norm;
    std::array<Linear, kProjections.size()> linears;  // Those of the MLP are empty with experts.
    ExpertWeights experts;

    const Linear& operator[](Projection projection) const {
        return linears[static_cast<std::size_t>(projection)];
    }
};

struct Weights {
    std::unique_ptr<Checkpoint> checkpoint;      // Owns what the matrices point to …
    std::vector<std::vector<std::byte>> copies;  // … with these, which lie otherwise in the file.
    kernels::PackedMatrix embedding;
    kernels::PackedMatrix positions;  // Learned, [positions_max, hidden]; else empty.
    std::vector<LayerWeights> layers;
    Norm final_norm;
    Linear head;                    // Empty when tied: the embedding is the head.
    std::int64_t matmul_bytes = 0;  // Read for each token that is decoded.
};

// Of a model directory or a GGUF file. kInvalid, naming the tensor, for what is missing, of another shape, or
// not part of this model.
Result<Weights> load_weights(
    const std::filesystem::path& path,
    const ModelConfig& config,
    ThreadTeam& team,
    kernels::PackAs pack_as = kernels::PackAs::kStored
);

// What files of such a model hold, in the order of reading.
std::vector<TensorSpec> tensors_of(const ModelConfig& config);

}  // namespace capstan::engine
