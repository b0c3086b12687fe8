#pragma once

// Names, shapes and places of parameters in one flat array. The optimiser, clipping and checkpoints work on
// the array; the model sees tensors inside it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "trainer/model_shape.h"
#include "trainer/safetensors.h"
#include "trainer/spec.h"

namespace capstan::trainer {

enum class Initial { kZeros, kOnes, kNormal, kKaimingUniform };

struct Parameter {
    std::string name;  // Hugging Face's, such as "model.layers.0.self_attn.q_proj.weight".
    std::vector<std::int64_t> shape;
    bool decays = false;  // Matrices do; norms and embeddings do not.
    Initial initial = Initial::kZeros;
    float deviation = 0;    // Of kNormal.
    std::size_t begin = 0;  // In the flat array; set by ParameterLayout.

    std::size_t size() const;
};

// Puts decaying parameters first; each begins at a multiple of 16 floats, and gaps stay zero.
class ParameterLayout {
public:
    explicit ParameterLayout(std::vector<Parameter> parameters);

    const std::vector<Parameter>& parameters() const { return parameters_; }

    std::size_t size() const { return size_; }  // Of the flat array.

    std::size_t decaying_size() const { return decaying_size_; }  // Its front part that decays.

    // What a new run starts with. The same for a seed on every machine.
    std::vector<float> initial_values(std::uint64_t seed) const;

    // Tensors in `values`, which must outlive them; `suffix` goes behind each name.
    TensorViews views(std::span<const float> values, std::string_view suffix = "") const;

    // The opposite: float32, float16 and bfloat16 tensors into a flat array. kInvalid when one is missing or
    // has another shape; tensors that the layout does not know are left.
    Result<std::vector<float>> read(const TensorViews& tensors, std::string_view suffix = "") const;

private:
    std::vector<Parameter> parameters_;
    std::size_t size_ = 0;
    std::size_t decaying_size_ = 0;
};

// Without "lm_head.weight" when the embeddings are tied. Normal(0, 0.02), with the layers that write to the
// residual stream scaled by 1 / sqrt(2 · layers) (Radford et al. 2019).
ParameterLayout llama_parameters(const ModelShape& shape);

// "….lora_A.weight" [rank, in] and "….lora_B.weight" [out, rank] for each target of each layer.
ParameterLayout lora_parameters(const ModelShape& shape, const LoraSettings& lora);

}  // namespace capstan::trainer
