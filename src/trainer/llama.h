#pragma once

// Llama (Touvron et al. 2023; grouped queries as in Llama 2 and 3), as Hugging Face's LlamaForCausalLM
// computes it, with optional LoRA (Hu et al. 2021) on its linear layers. llama_test.cc holds it against
// goldens of transformers and peft.
//
// For .cc files only: this includes torch.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/ops.h"
#include "trainer/spec.h"
#include "trainer/torch.h"

namespace capstan::trainer {

using TensorMap = std::map<std::string, at::Tensor>;

struct LoraAdapter {
    at::Tensor down;  // A: [rank, in]
    at::Tensor up;    // B: [out, rank]
    double scaling = 1;
    double dropout = 0;
};

// For one forward pass: where dropout takes its numbers from; null outside training.
using DropoutSource = at::Generator*;

struct LinearLayer {
    at::Tensor weight;  // [out, in]
    std::optional<LoraAdapter> adapter;

    // y = x·Wᵀ + scaling · dropout(x)·Aᵀ·Bᵀ
    at::Tensor forward(const at::Tensor& x, DropoutSource dropout) const;
};

class Llama {
public:
    // `weights` has Hugging Face's names; they, and whether they need a gradient, are the caller's.
    //   adapters  "….lora_A.weight" and "….lora_B.weight" of the layers that have one; may be empty.
    Llama(
        const ModelShape& shape, const TensorMap& weights, const TensorMap& adapters, const LoraSettings& lora
    );

    // After the last norm.
    //   tokens  [sequences, tokens] int64, each below vocab_size
    // Returns [sequences · tokens, hidden_size].
    at::Tensor hidden(const at::Tensor& tokens, DropoutSource dropout) const;

    const at::Tensor& output_weight() const { return output_; }  // [vocab_size, hidden_size]

private:
    struct Layer {
        at::Tensor input_norm;
        LinearLayer queries, keys, values, attention_out;
        at::Tensor output_norm;
        LinearLayer gate, up, down;
    };

    ModelShape shape_;
    at::Tensor embedding_;
    std::vector<Layer> layers_;
    at::Tensor norm_;
    at::Tensor output_;
    RotationTable rotation_;

    at::Tensor layer_forward(
        const Layer& layer, const at::Tensor& x, const AttentionShape& shape, DropoutSource dropout
    ) const;
};

}  // namespace capstan::trainer
