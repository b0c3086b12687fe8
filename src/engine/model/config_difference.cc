#include "engine/model/config_difference.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/model/rope.h"

namespace capstan::engine {
namespace {

constexpr double kRounding = 1e-6;  // Relative; some roundings of float32.

bool is_near(double one, double other) {
    return std::abs(one - other) <= kRounding * std::max(std::abs(one), std::abs(other));
}

bool is_same(const RopeConfig& one, const RopeConfig& other, std::int64_t head_dim) {
    const std::vector<float> frequencies = rope_frequencies(one, head_dim);
    const std::vector<float> others = rope_frequencies(other, head_dim);
    return std::ranges::equal(frequencies, others, [](float a, float b) { return is_near(a, b); }) &&
           is_near(one.attention_factor, other.attention_factor);
}

double score_scale(const ModelConfig& config) {
    return config.attention_scale == 0 ? 1 / std::sqrt(static_cast<double>(config.head_dim))
                                       : config.attention_scale;
}

bool is_same(const Biases& one, const Biases& other) {
    return one.query == other.query && one.key == other.key && one.value == other.value &&
           one.output == other.output;
}

bool is_same_mlp(const Biases& one, const Biases& other) {
    return one.gate == other.gate && one.up == other.up && one.down == other.down;
}

// Whether all layers have the same in `part` of their plans.
template <typename Part>
bool are_same_plans(const ModelConfig& one, const ModelConfig& other, Part LayerPlan::* part) {
    for (std::int64_t layer = 0; layer < one.layers; ++layer) {
        if (one.plan(layer).*part != other.plan(layer).*part) {
            return false;
        }
    }
    return true;
}

bool is_same_experts(const ExpertConfig& one, const ExpertConfig& other) {
    return one.count == other.count && one.used == other.used &&
           (one.count == 0 || one.intermediate == other.intermediate) &&
           one.shared_intermediate == other.shared_intermediate;
}

}  // namespace

std::optional<std::string_view> config_difference(const ModelConfig& one, const ModelConfig& other) {
    const bool has_same_rope = one.has_rope == other.has_rope && one.head_dim == other.head_dim &&
                               (!one.has_rope || is_same(one.rope, other.rope, one.head_dim)) &&
                               one.local_rope.has_value() == other.local_rope.has_value() &&
                               (!one.local_rope || is_same(*one.local_rope, *other.local_rope, one.head_dim));
    const std::pair<bool, std::string_view> checks[] = {
        {one.vocabulary == other.vocabulary, "vocab_size"},
        {one.hidden == other.hidden, "hidden_size"},
        {one.intermediate == other.intermediate, "intermediate_size"},
        {one.layers == other.layers, "num_hidden_layers"},
        {one.heads == other.heads, "num_attention_heads"},
        {one.kv_heads == other.kv_heads, "num_key_value_heads"},
        {one.head_dim == other.head_dim, "head_dim"},
        {one.positions_max == other.positions_max, "max_position_embeddings"},
        {is_near(one.norm_epsilon, other.norm_epsilon) && one.norm == other.norm, "rms_norm_eps"},
        {one.tied_embeddings == other.tied_embeddings, "tie_word_embeddings"},
        {one.activation == other.activation && one.is_gated == other.is_gated, "hidden_act"},
        {has_same_rope, "rope_scaling"},
        {is_near(score_scale(one), score_scale(other)), "query_pre_attn_scalar"},
        {is_near(one.score_softcap, other.score_softcap), "attn_logit_softcapping"},
        {is_near(one.logit_softcap, other.logit_softcap), "final_logit_softcapping"},
        {is_near(one.embedding_scale, other.embedding_scale), "hidden_size"},
        {is_same(one.biases, other.biases), "attention_bias"},
        {is_same_mlp(one.biases, other.biases), "mlp_bias"},
        {is_same_experts(one.experts, other.experts), "num_experts"},
        {one.experts.normalises == other.experts.normalises, "norm_topk_prob"},
        {are_same_plans(one, other, &LayerPlan::window), "sliding_window"},
        {are_same_plans(one, other, &LayerPlan::uses_local_rope), "rope_local_base_freq"},
        {are_same_plans(one, other, &LayerPlan::has_experts), "mlp_only_layers"},
    };
    for (const auto& [is_equal, key] : checks) {
        if (!is_equal) {
            return key;
        }
    }
    return std::nullopt;
}

}  // namespace capstan::engine
