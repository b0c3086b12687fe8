#pragma once

// The linear layers of a transformer block: their names in files and their shapes.

#include <array>
#include <cstdint>
#include <string>
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

// Projections of the same input, in the order of Projection.
enum class InputGroup { kAttention, kOutput, kGateUp, kDown };

inline constexpr std::size_t kInputGroups = 4;
inline constexpr std::size_t kGroupPartsMax = 3;

struct GroupPart {
    InputGroup group;
    std::size_t part;  // Which of the group's projections.
};

constexpr GroupPart group_of(Projection projection) {
    switch (projection) {
        case Projection::kQuery:
            return {InputGroup::kAttention, 0};
        case Projection::kKey:
            return {InputGroup::kAttention, 1};
        case Projection::kValue:
            return {InputGroup::kAttention, 2};
        case Projection::kOutput:
            return {InputGroup::kOutput, 0};
        case Projection::kGate:
            return {InputGroup::kGateUp, 0};
        case Projection::kUp:
            return {InputGroup::kGateUp, 1};
        case Projection::kDown:
            break;
    }
    return {InputGroup::kDown, 0};
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
            return {.out = query, .in = config.hidden, .has_bias = config.biases.query};
        case Projection::kKey:
            return {.out = key, .in = config.hidden, .has_bias = config.biases.key};
        case Projection::kValue:
            return {.out = key, .in = config.hidden, .has_bias = config.biases.value};
        case Projection::kOutput:
            return {.out = config.hidden, .in = query, .has_bias = config.biases.output};
        case Projection::kGate:
            return {.out = config.intermediate, .in = config.hidden, .has_bias = config.biases.gate};
        case Projection::kUp:
            return {.out = config.intermediate, .in = config.hidden, .has_bias = config.biases.up};
        case Projection::kDown:
            break;
    }
    return {.out = config.hidden, .in = config.intermediate, .has_bias = config.biases.down};
}

// Where a projection is in files: a module, and the rows of its matrix.
struct ModulePart {
    std::string module;
    std::int64_t row_begin = 0;
    std::int64_t rows_total = 0;
    bool keeps_precision = false;  // A few numbers that choose among many: never rounded when loaded.
};

// An empty module where the architecture, or this layer of it, has no such projection.
ModulePart module_of(Projection projection, const ModelConfig& config, std::int64_t layer);

// "model.layers.3."
std::string layer_prefix(const ModelConfig& config, std::int64_t layer);

}  // namespace capstan::engine
