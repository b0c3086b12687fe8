// The rotary settings of config.json, in their older and newer places.

#include <cmath>

#include "engine/model/architecture.h"

namespace capstan::engine {
namespace {

RopeScaling scaling_named(ConfigReader& reader, const std::string& type) {
    if (type == "linear") {
        return RopeScaling::kLinear;
    }
    if (type == "llama3") {
        return RopeScaling::kLlama3;
    }
    if (type == "yarn") {
        return RopeScaling::kYarn;
    }
    if (type == "longrope" || type == "su") {
        return RopeScaling::kLong;
    }
    // "dynamic" changes nothing within max_position_embeddings, and no sequence is longer than that.
    if (type != "default" && type != "dynamic") {
        reader.fail(
            "rope_type",
            Json(type),
            "only 'default', 'linear', 'llama3', 'yarn', 'longrope' and 'dynamic' can be run"
        );
    }
    return RopeScaling::kNone;
}

void read_llama3(ConfigReader& reader, RopeConfig& rope) {
    rope.low_frequency_factor = reader.number("low_freq_factor", 1, 1e-6, 1e6);
    rope.high_frequency_factor = reader.number("high_freq_factor", 4, 1e-6, 1e6);
    rope.original_positions_max =
        reader.integer("original_max_position_embeddings", 8192, {.low = 1, .high = 1 << 24});
    if (rope.high_frequency_factor <= rope.low_frequency_factor) {
        reader.fail("high_freq_factor", "it must be over low_freq_factor");
    }
}

double yarn_scale(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

// transformers, modeling_rope_utils.py, _compute_yarn_parameters.
void read_yarn(ConfigReader& reader, RopeConfig& rope, std::int64_t positions_max) {
    rope.original_positions_max =
        reader.integer("original_max_position_embeddings", positions_max, {.low = 1, .high = 1 << 24});
    if (reader.has("original_max_position_embeddings")) {
        rope.factor = static_cast<double>(positions_max) / static_cast<double>(rope.original_positions_max);
    }
    rope.beta_fast = reader.number("beta_fast", 32, 1e-6, 1e6);
    rope.beta_slow = reader.number("beta_slow", 1, 1e-6, 1e6);
    const double mscale = reader.number("mscale", 0, 0, 1e3);
    const double mscale_all = reader.number("mscale_all_dim", 0, 0, 1e3);
    const double scale = mscale != 0 && mscale_all != 0
                             ? yarn_scale(rope.factor, mscale) / yarn_scale(rope.factor, mscale_all)
                             : yarn_scale(rope.factor, 1);
    rope.attention_factor = reader.number("attention_factor", scale, 1e-6, 1e6);
}

// transformers chooses between the divisors by how long a prompt is; here a model that may see more positions
// than it was first trained on uses the long ones always, so that a token's key does not depend on what comes
// after it.
void read_long(ConfigReader& reader, RopeConfig& rope, std::int64_t positions_max) {
    rope.original_positions_max = reader.integer(
        "original_max_position_embeddings", rope.original_positions_max, {.low = 2, .high = 1 << 24}
    );
    const auto original = static_cast<double>(rope.original_positions_max);
    const double factor = static_cast<double>(positions_max) / original;
    const double scale = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
    rope.attention_factor = reader.number("attention_factor", scale, 1e-6, 1e6);
    rope.divisors = reader.numbers(
        positions_max > rope.original_positions_max ? "long_factor" : "short_factor",
        static_cast<std::size_t>(rope.dimensions / 2),
        1e-6,
        1e6
    );
}

// `scaling` is "rope_scaling" of older files or "rope_parameters" of newer ones.
void read_scaling(ConfigReader& outer, const Json& scaling, RopeConfig& rope, std::int64_t positions_max) {
    if (!scaling.is_object()) {
        outer.fail("rope_scaling", scaling, "it must be an object");
        return;
    }
    ConfigReader reader(scaling);
    rope.scaling =
        scaling_named(reader, scaling.string_or("rope_type", scaling.string_or("type", "default")));
    rope.theta = reader.number("rope_theta", rope.theta, 1, 1e12);
    const bool needs_factor = rope.scaling == RopeScaling::kLinear || rope.scaling == RopeScaling::kLlama3 ||
                              rope.scaling == RopeScaling::kYarn;
    if (needs_factor) {
        if (!reader.has("factor")) {
            reader.fail("factor", "this rope_type needs it");
        }
        rope.factor = reader.number("factor", 1, 1, 1e6);
    }
    if (rope.scaling == RopeScaling::kLlama3) {
        read_llama3(reader, rope);
    } else if (rope.scaling == RopeScaling::kYarn) {
        read_yarn(reader, rope, positions_max);
    } else if (rope.scaling == RopeScaling::kLong) {
        read_long(reader, rope, positions_max);
    }
    if (reader.error()) {
        outer.fail(with_context("rope scaling", *reader.error()));
    }
}

}  // namespace

void read_rope(ConfigReader& reader, ModelConfig& config) {
    RopeConfig& rope = config.rope;
    const Json& renewed = reader.at("rope_parameters");
    const Json& scaling = reader.has("rope_parameters") ? renewed : reader.at("rope_scaling");
    rope.theta = reader.number("rope_theta", rope.theta, 1, 1e12);
    const double part =
        reader.number("partial_rotary_factor", renewed.double_or("partial_rotary_factor", 1), 0, 1);
    const auto dimensions = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * part);
    if (part != 1 && (dimensions < 2 || dimensions % 2 != 0)) {
        reader.fail(
            "partial_rotary_factor", Json(part), "it must leave an even number of dimensions to turn"
        );
        return;
    }
    rope.dimensions = dimensions;
    if (reader.has("original_max_position_embeddings")) {
        rope.original_positions_max =
            reader.integer("original_max_position_embeddings", 8192, {.low = 2, .high = 1 << 24});
    }
    if (renewed["full_attention"].is_object()) {  // One object for each type of layer.
        read_scaling(reader, renewed["full_attention"], rope, config.positions_max);
        if (config.local_rope && renewed["sliding_attention"].is_object()) {
            read_scaling(reader, renewed["sliding_attention"], *config.local_rope, config.positions_max);
        }
    } else if (!scaling.is_null()) {
        read_scaling(reader, scaling, rope, config.positions_max);
    }
    if (config.local_rope) {
        config.local_rope->dimensions = dimensions;
    }
}

}  // namespace capstan::engine
