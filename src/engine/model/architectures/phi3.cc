// Phi 3, 3.5 and 4-mini: Llama with query, key and value in one matrix, and gate and up in another; LongRoPE.

#include "engine/model/architectures/table.h"

namespace capstan::engine {
namespace {

void read(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = 32'064;
    config.hidden = 3072;
    config.intermediate = 8192;
    config.positions_max = 4096;
    config.norm_epsilon = 1e-5;
    config.rope.original_positions_max = 4096;
    read_shape(reader, config);
    read_activation(reader, "hidden_act", config);
    read_rope(reader, config);
    read_window(reader, config, 0);
}

constexpr TensorNames kPhi3Names = {
    .fused_qkv = "self_attn.qkv_proj",
    .fused_gate_up = "mlp.gate_up_proj",
};

}  // namespace

const Architecture kPhi3 = {
    .name = "Phi3ForCausalLM", .model_type = "phi3", .names = &kPhi3Names, .read = read
};

}  // namespace capstan::engine
