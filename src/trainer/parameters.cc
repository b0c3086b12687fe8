#include "trainer/parameters.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include <fmt/format.h>

#include "trainer/random_order.h"

namespace capstan::trainer {
namespace {

constexpr std::size_t kAlignmentFloats = 16;  // 64 bytes: one AVX-512 register, one cache line.
constexpr float kInitialDeviation = 0.02F;

std::size_t aligned(std::size_t size) {
    return (size + kAlignmentFloats - 1) / kAlignmentFloats * kAlignmentFloats;
}

struct LinearLayer {
    const char* name;
    std::int64_t out;
    std::int64_t in;
    bool writes_residual;
};

std::vector<LinearLayer> linear_layers(const ModelShape& shape) {
    const std::int64_t queries = shape.heads * shape.head_dim;
    const std::int64_t keys = shape.kv_heads * shape.head_dim;
    return {
        {"self_attn.q_proj", queries, shape.hidden_size, false},
        {"self_attn.k_proj", keys, shape.hidden_size, false},
        {"self_attn.v_proj", keys, shape.hidden_size, false},
        {"self_attn.o_proj", shape.hidden_size, queries, true},
        {"mlp.gate_proj", shape.intermediate_size, shape.hidden_size, false},
        {"mlp.up_proj", shape.intermediate_size, shape.hidden_size, false},
        {"mlp.down_proj", shape.hidden_size, shape.intermediate_size, true},
    };
}

// A number in [0, 1) with 53 bits, from a counter.
double uniform(std::uint64_t seed, std::uint64_t counter) {
    return static_cast<double>(mix_seed(seed, counter) >> 11) * 0x1.0p-53;
}

void fill(const Parameter& parameter, std::uint64_t seed, std::span<float> values) {
    switch (parameter.initial) {
        case Initial::kZeros:
            break;
        case Initial::kOnes:
            std::ranges::fill(values, 1.0F);
            break;
        case Initial::kNormal:  // Box and Muller 1958
            for (std::size_t i = 0; i < values.size(); ++i) {
                const double radius = std::sqrt(-2 * std::log(1 - uniform(seed, 2 * i)));
                const double angle = 2 * std::numbers::pi * uniform(seed, 2 * i + 1);
                values[i] = parameter.deviation * static_cast<float>(radius * std::cos(angle));
            }
            break;
        case Initial::kKaimingUniform: {  // With a = √5, as in PEFT: bound 1 / √inputs
            const double bound = 1 / std::sqrt(static_cast<double>(parameter.shape.back()));
            for (std::size_t i = 0; i < values.size(); ++i) {
                values[i] = static_cast<float>(bound * (2 * uniform(seed, i) - 1));
            }
            break;
        }
    }
}

float from_bfloat16(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float from_float16(std::uint16_t bits) {
    _Float16 half = 0;
    std::memcpy(&half, &bits, sizeof(half));
    return static_cast<float>(half);
}

// False for a type that is no float.
bool copy_floats(const TensorView& tensor, std::span<float> to) {
    if (tensor.type == DataType::kFloat32) {
        std::memcpy(to.data(), tensor.bytes.data(), tensor.bytes.size());
        return true;
    }
    if (tensor.type != DataType::kFloat16 && tensor.type != DataType::kBFloat16) {
        return false;
    }
    for (std::size_t i = 0; i < to.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, tensor.bytes.data() + i * sizeof(bits), sizeof(bits));
        to[i] = tensor.type == DataType::kFloat16 ? from_float16(bits) : from_bfloat16(bits);
    }
    return true;
}

}  // namespace

std::size_t Parameter::size() const {
    std::size_t product = 1;
    for (const std::int64_t each : shape) {
        product *= static_cast<std::size_t>(each);
    }
    return product;
}

ParameterLayout::ParameterLayout(std::vector<Parameter> parameters) {
    for (const bool decays : {true, false}) {
        for (Parameter& parameter : parameters) {
            if (parameter.decays == decays) {
                parameter.begin = size_;
                size_ += aligned(parameter.size());
                parameters_.push_back(std::move(parameter));
            }
        }
        decaying_size_ = decays ? size_ : decaying_size_;
    }
}

std::vector<float> ParameterLayout::initial_values(std::uint64_t seed) const {
    std::vector<float> values(size_);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        const Parameter& parameter = parameters_[i];
        fill(parameter, mix_seed(seed, i), std::span(values).subspan(parameter.begin, parameter.size()));
    }
    return values;
}

TensorViews ParameterLayout::views(std::span<const float> values, std::string_view suffix) const {
    TensorViews views;
    for (const Parameter& parameter : parameters_) {
        const auto part = values.subspan(parameter.begin, parameter.size());
        views[parameter.name + std::string(suffix)] = {
            DataType::kFloat32,
            parameter.shape,
            std::string_view(reinterpret_cast<const char*>(part.data()), part.size_bytes())
        };
    }
    return views;
}

Result<std::vector<float>> ParameterLayout::read(const TensorViews& tensors, std::string_view suffix) const {
    std::vector<float> values(size_);
    for (const Parameter& parameter : parameters_) {
        const auto name = parameter.name + std::string(suffix);
        const auto found = tensors.find(name);
        if (found == tensors.end()) {
            return Error{ErrorCode::kInvalid, fmt::format("the weights lack '{}'", name)};
        }
        if (found->second.shape != parameter.shape) {
            return Error{ErrorCode::kInvalid, fmt::format("'{}' does not have the shape of the model", name)};
        }
        if (!copy_floats(found->second, std::span(values).subspan(parameter.begin, parameter.size()))) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("'{}' is {}; use F32, F16 or BF16", name, name_of(found->second.type))
            };
        }
    }
    return values;
}

ParameterLayout llama_parameters(const ModelShape& shape) {
    const float residual = kInitialDeviation / std::sqrt(2.0F * static_cast<float>(shape.layers));
    const auto norm = [&](std::string name) {
        return Parameter{.name = std::move(name), .shape = {shape.hidden_size}, .initial = Initial::kOnes};
    };
    const auto matrix = [&](std::string name, std::vector<std::int64_t> size, bool decays, float deviation) {
        return Parameter{std::move(name), std::move(size), decays, Initial::kNormal, deviation};
    };
    std::vector<Parameter> all;
    all.push_back(
        matrix("model.embed_tokens.weight", {shape.vocab_size, shape.hidden_size}, false, kInitialDeviation)
    );
    for (std::int64_t i = 0; i < shape.layers; ++i) {
        const auto prefix = fmt::format("model.layers.{}.", i);
        all.push_back(norm(prefix + "input_layernorm.weight"));
        for (const LinearLayer& layer : linear_layers(shape)) {
            all.push_back(matrix(
                fmt::format("{}{}.weight", prefix, layer.name),
                {layer.out, layer.in},
                true,
                layer.writes_residual ? residual : kInitialDeviation
            ));
        }
        all.push_back(norm(prefix + "post_attention_layernorm.weight"));
    }
    all.push_back(norm("model.norm.weight"));
    if (!shape.tie_word_embeddings) {
        all.push_back(matrix("lm_head.weight", {shape.vocab_size, shape.hidden_size}, true, kInitialDeviation)
        );
    }
    return ParameterLayout(std::move(all));
}

ParameterLayout lora_parameters(const ModelShape& shape, const LoraSettings& lora) {
    std::vector<Parameter> all;
    for (std::int64_t i = 0; i < shape.layers; ++i) {
        for (const LinearLayer& layer : linear_layers(shape)) {
            const std::string_view name = layer.name;
            if (std::ranges::find(lora.targets, name.substr(name.find('.') + 1)) == lora.targets.end()) {
                continue;
            }
            const auto prefix = fmt::format("model.layers.{}.{}.", i, name);
            all.push_back({prefix + "lora_A.weight", {lora.rank, layer.in}, true, Initial::kKaimingUniform});
            all.push_back({prefix + "lora_B.weight", {layer.out, lora.rank}, true, Initial::kZeros});
        }
    }
    return ParameterLayout(std::move(all));
}

}  // namespace capstan::trainer
