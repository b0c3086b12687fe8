#pragma once

// A family of decoders as data: how the keys of its config.json become a ModelConfig, and what its tensors
// are called. A new family is one more file in architectures/ and one more line in architectures/table.cc.

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/model/config.h"
#include "engine/model/config_reader.h"

namespace capstan::engine {

struct Architecture {
    std::string_view name;        // In "architectures".
    std::string_view model_type;  // In "model_type", for files without "architectures".
    const TensorNames* names;
    void (*read)(ConfigReader& reader, ModelConfig& config);
};

// All that can be run, in the order of their names.
std::span<const Architecture* const> architectures();

// The one that a config.json asks for, also by its name without a head ("MistralModel"). kInvalid, with the
// known ones, when there is none.
Result<const Architecture*> find_architecture(const Json& config);

// The files have no head, unless it is the embedding: such a model makes vectors.
bool has_no_head(const Json& config);

// Parts that families share. Each takes as default what `config` holds already.

// Sizes, epsilon, tie, under the names that Llama gave them.
void read_shape(ConfigReader& reader, ModelConfig& config);
// "hidden_act" or what a family calls it.
void read_activation(ConfigReader& reader, std::string_view key, ModelConfig& config);
// "rope_theta", "rope_scaling" or "rope_parameters", "partial_rotary_factor".
void read_rope(ConfigReader& reader, ModelConfig& config);
// A plan for every layer: those for which `is_local` is true look back `window` positions (0: all), unless
// "layer_types" says which do.
void set_windows(
    ConfigReader& reader,
    ModelConfig& config,
    std::int64_t window,
    const std::function<bool(std::int64_t layer)>& is_local
);
// All layers look back "sliding_window" positions; `otherwise` when it is absent.
void read_window(ConfigReader& reader, ModelConfig& config, std::int64_t otherwise);

struct ExpertKeys {
    std::string_view count;  // The key under which a family keeps it.
    std::int64_t count_otherwise = 0;
    std::int64_t used_otherwise = 0;
};

// How many experts there are, and are used for each token.
void read_experts(ConfigReader& reader, ModelConfig& config, const ExpertKeys& keys);
// Query, key and value together.
void set_qkv_bias(ModelConfig& config, bool has_bias);

}  // namespace capstan::engine
