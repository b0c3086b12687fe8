#include "trainer/llama.h"

#include <cmath>

#include <fmt/format.h>

#include "base/check.h"

namespace capstan::trainer {
namespace {

const at::Tensor& weight_of(const TensorMap& weights, const std::string& name) {
    const auto found = weights.find(name);
    CHECK(found != weights.end(), "the parameter layout names every weight of the model");
    return found->second;
}

double scaling_of(const LoraSettings& lora) {
    const auto rank = static_cast<double>(lora.rank);
    return lora.alpha / (lora.rank_stabilised ? std::sqrt(rank) : rank);
}

}  // namespace

at::Tensor LinearLayer::forward(const at::Tensor& x, DropoutSource dropout) const {
    at::Tensor y = apply_linear(x, weight);
    if (!adapter) {
        return y;
    }
    at::Tensor kept = x;
    if (dropout != nullptr && adapter->dropout > 0) {
        const double keep = 1 - adapter->dropout;
        kept = x * at::empty_like(x).bernoulli_(keep, *dropout).div_(keep);
    }
    return y + apply_linear(apply_linear(kept, adapter->down), adapter->up) * adapter->scaling;
}

Llama::Llama(
    const ModelShape& shape, const TensorMap& weights, const TensorMap& adapters, const LoraSettings& lora
)
    : shape_(shape),
      embedding_(weight_of(weights, "model.embed_tokens.weight")),
      norm_(weight_of(weights, "model.norm.weight")),
      output_(shape.tie_word_embeddings ? embedding_ : weight_of(weights, "lm_head.weight")),
      rotation_(rotation_table(shape.positions_max, shape.head_dim, shape.rope_theta)) {
    const auto layer_of = [&](const std::string& name) {
        LinearLayer layer{weight_of(weights, name + ".weight"), std::nullopt};
        if (adapters.contains(name + ".lora_A.weight")) {
            layer.adapter = LoraAdapter{
                weight_of(adapters, name + ".lora_A.weight"),
                weight_of(adapters, name + ".lora_B.weight"),
                scaling_of(lora),
                lora.dropout,
            };
        }
        return layer;
    };
    for (std::int64_t i = 0; i < shape.layers; ++i) {
        const auto prefix = fmt::format("model.layers.{}.", i);
        layers_.push_back({
            .input_norm = weight_of(weights, prefix + "input_layernorm.weight"),
            .queries = layer_of(prefix + "self_attn.q_proj"),
            .keys = layer_of(prefix + "self_attn.k_proj"),
            .values = layer_of(prefix + "self_attn.v_proj"),
            .attention_out = layer_of(prefix + "self_attn.o_proj"),
            .output_norm = weight_of(weights, prefix + "post_attention_layernorm.weight"),
            .gate = layer_of(prefix + "mlp.gate_proj"),
            .up = layer_of(prefix + "mlp.up_proj"),
            .down = layer_of(prefix + "mlp.down_proj"),
        });
    }
}

at::Tensor Llama::hidden(const at::Tensor& tokens, DropoutSource dropout) const {
    CHECK(tokens.size(1) <= shape_.positions_max, "a sequence fits the model's positions");
    const AttentionShape shape{
        tokens.size(0), tokens.size(1), shape_.heads, shape_.kv_heads, shape_.head_dim
    };
    at::Tensor x = embed(tokens.reshape({-1}), embedding_);
    for (const Layer& layer : layers_) {
        x = layer_forward(layer, x, shape, dropout);
    }
    return rms_norm(x, norm_, shape_.rms_norm_eps);
}

at::Tensor Llama::layer_forward(
    const Layer& layer, const at::Tensor& x, const AttentionShape& shape, DropoutSource dropout
) const {
    const at::Tensor before = rms_norm(x, layer.input_norm, shape_.rms_norm_eps);
    const at::Tensor attended = causal_attention(
        {layer.queries.forward(before, dropout),
         layer.keys.forward(before, dropout),
         layer.values.forward(before, dropout)},
        shape,
        rotation_
    );
    const at::Tensor middle = x + layer.attention_out.forward(attended, dropout);
    const at::Tensor after = rms_norm(middle, layer.output_norm, shape_.rms_norm_eps);
    const at::Tensor gated = swiglu(layer.gate.forward(after, dropout), layer.up.forward(after, dropout));
    return middle + layer.down.forward(gated, dropout);
}

}  // namespace capstan::trainer
