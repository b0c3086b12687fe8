#include "engine/model/gguf_description.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "engine/model/architecture.h"
#include "engine/model/rope.h"

namespace capstan::engine {
namespace {

struct ArchitectureName {
    std::string_view model_type;
    std::string_view gguf;
};

constexpr std::array<ArchitectureName, 12> kArchitectures = {{
    {"llama", "llama"},
    {"mistral", "llama"},
    {"mixtral", "llama"},
    {"qwen2", "qwen2"},
    {"qwen2_moe", "qwen2moe"},
    {"qwen3", "qwen3"},
    {"qwen3_moe", "qwen3moe"},
    {"gemma", "gemma"},
    {"gemma2", "gemma2"},
    {"gemma3_text", "gemma3"},
    {"phi3", "phi3"},
    {"gpt2", "gpt2"},
}};

// Adds keys below the architecture's name, and remembers the first thing that has no place there.
class Describer {
public:
    Describer(const ModelConfig& config, const Json& json, std::string_view architecture)
        : config_(config), json_(json) {
        made_.architecture = architecture;
        made_.metadata.add("general.architecture", architecture);
        made_.metadata.add("general.type", "model");
    }

    Result<GgufDescription> describe() {
        add_shape();
        if (config_.has_rope) {
            add_decoder();
            add_rope();
            add_experts();
            add_windows();
            add_caps();
        }
        if (error_) {
            return *error_;
        }
        return std::move(made_);
    }

private:
    bool is(std::string_view architecture) const { return made_.architecture == architecture; }

    void fail(std::string_view key, std::string_view why) {
        if (!error_) {
            error_ = Error{
                ErrorCode::kInvalid,
                fmt::format("config.json: '{}' has no place in a GGUF file: {}", key, why)
            };
        }
    }

    void add(std::string_view key, std::int64_t value) {
        made_.metadata.add(fmt::format("{}.{}", made_.architecture, key), static_cast<std::uint32_t>(value));
    }

    void add(std::string_view key, double value) {
        made_.metadata.add(fmt::format("{}.{}", made_.architecture, key), static_cast<float>(value));
    }

    void add(std::string_view key, std::string_view value) {
        made_.metadata.add(fmt::format("{}.{}", made_.architecture, key), value);
    }

    void add_shape() {
        add("block_count", config_.layers);
        add("context_length", config_.positions_max);
        add("embedding_length", config_.hidden);
        add("feed_forward_length", config_.intermediate);
        add("attention.head_count", config_.heads);
        if (config_.norm == NormKind::kLayer) {
            add("attention.layer_norm_epsilon", config_.norm_epsilon);
        }
    }

    void add_decoder() {
        add("vocab_size", config_.vocabulary);
        add("attention.head_count_kv", config_.kv_heads);
        add("attention.layer_norm_rms_epsilon", config_.norm_epsilon);
        add("attention.key_length", config_.head_dim);
        add("attention.value_length", config_.head_dim);
    }

    void add_rope() {
        const RopeConfig& rope = config_.rope;
        const std::int64_t turned = rope.dimensions == 0 ? config_.head_dim : rope.dimensions;
        if (is("llama") && turned != config_.head_dim) {
            fail("partial_rotary_factor", "all of a head turns in this architecture");
        }
        add("rope.dimension_count", turned);
        add("rope.freq_base", rope.theta);
        if (config_.local_rope) {
            add("rope.freq_base_swa", config_.local_rope->theta);
        }
        switch (rope.scaling) {
            case RopeScaling::kNone:
                break;
            case RopeScaling::kLinear:
                add("rope.scaling.type", "linear");
                add("rope.scaling.factor", rope.factor);
                break;
            case RopeScaling::kYarn:
                add_yarn();
                break;
            case RopeScaling::kLlama3:
                add_llama3();
                break;
            case RopeScaling::kLong:
                add_long();
                break;
        }
        if (is("phi3") && rope.scaling != RopeScaling::kYarn && rope.scaling != RopeScaling::kLong) {
            add("rope.scaling.original_context_length", rope.original_positions_max);
        }
    }

    void add_yarn() {
        const RopeConfig& rope = config_.rope;
        add("rope.scaling.type", "yarn");
        add("rope.scaling.factor", rope.factor);
        add("rope.scaling.original_context_length", rope.original_positions_max);
        add("rope.scaling.yarn_beta_fast", rope.beta_fast);
        add("rope.scaling.yarn_beta_slow", rope.beta_slow);
    }

    // How much slower each frequency is.
    void add_llama3() {
        if (!is("llama")) {
            fail("rope_scaling", "'llama3' is for the architecture llama");
        }
        RopeConfig plain = config_.rope;
        plain.scaling = RopeScaling::kNone;
        std::vector<float> divisors = rope_frequencies(plain, config_.head_dim);
        const std::vector<float> scaled = rope_frequencies(config_.rope, config_.head_dim);
        for (std::size_t i = 0; i < divisors.size(); ++i) {
            divisors[i] /= scaled[i];
        }
        made_.vectors.emplace_back("rope_freqs.weight", std::move(divisors));
    }

    void add_long() {
        if (!is("llama") && !is("phi3")) {
            fail("rope_scaling", "'longrope' is for the architectures llama and phi3");
        }
        add("rope.scaling.type", "longrope");
        add("rope.scaling.original_context_length", config_.rope.original_positions_max);
        add("rope.scaling.attn_factor", config_.rope.attention_factor);
        const Json& settings =
            json_["rope_parameters"].is_null() ? json_["rope_scaling"] : json_["rope_parameters"];
        add_divisors(settings, "long_factor", "rope_factors_long.weight");
        add_divisors(settings, "short_factor", "rope_factors_short.weight");
    }

    // The model was read with one of both lists, which has been checked; the other may be anything.
    void add_divisors(const Json& settings, std::string_view key, std::string_view tensor) {
        std::vector<float> divisors;
        const Json::Array* numbers = settings[key].as_array();
        for (std::size_t i = 0; numbers != nullptr && i < numbers->size(); ++i) {
            divisors.push_back(static_cast<float>((*numbers)[i].as_double().value_or(0)));
        }
        if (divisors.size() != config_.rope.divisors.size() ||
            std::ranges::any_of(divisors, [](float divisor) { return !(divisor > 0); })) {
            fail(key, fmt::format("{} numbers over 0 are needed", config_.rope.divisors.size()));
        }
        made_.vectors.emplace_back(tensor, std::move(divisors));
    }

    void add_experts() {
        const ExpertConfig& experts = config_.experts;
        if (experts.count == 0) {
            return;
        }
        add("expert_count", experts.count);
        add("expert_used_count", experts.used);
        if (!is("llama")) {
            add("expert_feed_forward_length", experts.intermediate);
        }
        if (experts.shared_intermediate > 0) {
            add("expert_shared_feed_forward_length", experts.shared_intermediate);
        }
        if (is("qwen2moe") && config_.tied_embeddings) {
            fail("tie_word_embeddings", "the architecture qwen2moe has a head of its own");
        }
    }

    // Which layers have it, the architecture says.
    void add_windows() {
        std::int64_t window = 0;
        for (const LayerPlan& plan : config_.plans) {
            window = std::max(window, plan.window);
        }
        if (window > 0 && made_.architecture.starts_with("qwen")) {
            fail("use_sliding_window", "the architecture has no windows");
        }
        if (window > 0 || is("phi3")) {  // 0 is how llama.cpp tells Phi 4 from Phi 3.
            add("attention.sliding_window", window);
        }
    }

    void add_caps() {
        if (is("gemma2")) {
            if (config_.score_softcap == 0 || config_.logit_softcap == 0) {
                fail("attn_logit_softcapping", "without it and final_logit_softcapping, Gemma 2's are taken");
            }
            add("attn_logit_softcapping", config_.score_softcap);
        } else if (config_.score_softcap != 0) {
            fail("attn_logit_softcapping", "only the architecture gemma2 has it");
        }
        if (config_.logit_softcap != 0) {
            add("final_logit_softcapping", config_.logit_softcap);
        }
    }

    const ModelConfig& config_;
    const Json& json_;
    GgufDescription made_;
    std::optional<Error> error_;
};

}  // namespace

Result<GgufDescription> describe_as_gguf(const ModelConfig& config, const Json& json) {
    const auto architecture = find_architecture(json);
    if (!architecture) {
        return architecture.error();
    }
    const Json::Array* names = json["architectures"].as_array();
    if (names != nullptr && std::ranges::count(*names, Json((*architecture)->name)) == 0) {
        return wrong_setting(
            "architectures", json["architectures"], "a model without a head cannot be written"
        );
    }
    const auto* name =
        std::ranges::find(kArchitectures, (*architecture)->model_type, &ArchitectureName::model_type);
    if (name == kArchitectures.end()) {
        return wrong_setting(
            "architectures", json["architectures"], "it has no place in a GGUF file that can be written"
        );
    }
    return Describer(config, json, name->gguf).describe();
}

}  // namespace capstan::engine
