#pragma once

// The seven linear layers of a transformer block: their names in files and their shapes.

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/model/config.h"

namespace capstan::engine {

enum class Projection { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown };

inline constexpr std::array<Projection, 7> kProjections = {
    Projection::kQuery,
    Projection::kKey,
    Projection::kValue,
    Projection::kOutput,
    Projection::kGate,
    Projection::kUp,
    Projection::kDown,
};

// Behind "model.layers.N." in Hugging Face's names.
inline std::string_view module_name(Projection projection) {
    constexpr std::array<std::string_view, 7> kNames = {
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    };
    return kNames[static_cast<std::size_t>(projection)];
}

struct LinearShape {
    std::int64_t out = 0;
    std::int64_t in = 0;
    bool has_bias = false;
};

inline LinearShape shape_of(Projection projection, const ModelConfig& config) {
    const std::int64_t query = config.heads * config.head_dim;
    const std::int64_t key = config.kv_heads * config.head_dim;
    switch (projection) {
        case Projection::kQuery:
            return {.out = query, .in = config.hidden, .has_bias = config.attention_bias};
        case Projection::kKey:
        case Projection::kValue:
            return {.out = key, .in = config.hidden, .has_bias = config.attention_bias};
        case Projection::kOutput:
            return {.out = config.hidden, .in = query, .has_bias = config.attention_bias};
        case Projection::kGate:
        case Projection::kUp:
            return {.out = config.intermediate, .in = config.hidden, .has_bias = config.mlp_bias};
        case Projection::kDown:
            break;
    }
    return {.out = config.hidden, .in = config.intermediate, .has_bias = config.mlp_bias};
}

}  // namespace capstan::engine
