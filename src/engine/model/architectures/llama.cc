// Llama 2, 3 and 3.x, SmolLM, TinyLlama and all that calls itself Llama.

#include "engine/model/architectures/table.h"

namespace capstan::engine {
namespace {

void read(ConfigReader& reader, ModelConfig& config) {
    read_shape(reader, config);
    read_activation(reader, "hidden_act", config);
    read_rope(reader, config);
    set_qkv_bias(config, reader.flag("attention_bias"));
    config.biases.output = config.biases.query;
    config.biases.gate = reader.flag("mlp_bias");
    config.biases.up = config.biases.gate;
    config.biases.down = config.biases.gate;
}

}  // namespace

const Architecture kLlama = {
    .name = "LlamaForCausalLM", .model_type = "llama", .names = &kLlamaNames, .read = read
};

}  // namespace capstan::engine
