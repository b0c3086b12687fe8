#include "engine/files/mixture.h"

#include <algorithm>
#include <array>

namespace capstan::engine {
namespace {

struct Facts {
    std::string_view name;
    std::uint32_t file_type;  // llama_ftype of llama.h
    DataType most;            // Of what has no rule of its own.
};

constexpr std::array<Facts, 12> kFacts = {{
    {"F32", 0, DataType::kF32},
    {"F16", 1, DataType::kF16},
    {"BF16", 32, DataType::kBf16},
    {"Q8_0", 7, DataType::kQ8_0},
    {"Q6_K", 18, DataType::kQ6K},
    {"Q5_K_M", 17, DataType::kQ5K},
    {"Q5_1", 9, DataType::kQ5_1},
    {"Q5_0", 8, DataType::kQ5_0},
    {"Q4_K_M", 15, DataType::kQ4K},
    {"Q4_1", 3, DataType::kQ4_1},
    {"Q4_0", 2, DataType::kQ4_0},
    {"MXFP4", 38, DataType::kMxfp4},
}};

const Facts& facts_of(Mixture mixture) {
    return kFacts[static_cast<std::size_t>(mixture)];
}

// The first and last eighth of the layers, and every third between.
bool is_sensitive(std::int64_t layer, std::int64_t layers) {
    const std::int64_t eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

DataType wished(Mixture mixture, const TensorPlace& place) {
    const DataType most = facts_of(mixture).most;
    const bool is_output =
        place.name == "output.weight" || (place.is_tied && place.name == "token_embd.weight");
    if (is_output && mixture == Mixture::kMxfp4) {
        return DataType::kQ8_0;
    }
    if (is_output && mixture >= Mixture::kQ6K) {
        return DataType::kQ6K;
    }
    const bool has_rule = place.name.ends_with(".attn_v.weight") || place.name.ends_with(".ffn_down.weight");
    const bool is_mixed = mixture == Mixture::kQ4KM || mixture == Mixture::kQ5KM;
    return is_mixed && has_rule && is_sensitive(place.layer, place.layers) ? DataType::kQ6K : most;
}

DataType in_blocks_of_32(DataType type) {
    switch (type) {
        case DataType::kQ4K:
            return DataType::kQ5_0;
        case DataType::kQ5K:
            return DataType::kQ5_1;
        case DataType::kQ6K:
            return DataType::kQ8_0;
        default:
            return type;
    }
}

}  // namespace

std::optional<Mixture> parse_mixture(std::string_view text) {
    const auto* found = std::ranges::find(kFacts, text, &Facts::name);
    return found == kFacts.end() ? std::nullopt : std::optional(static_cast<Mixture>(found - kFacts.begin()));
}

std::string_view name_of(Mixture mixture) {
    return facts_of(mixture).name;
}

std::uint32_t file_type_of(Mixture mixture) {
    return facts_of(mixture).file_type;
}

std::optional<std::uint32_t> file_type_of(DataType type) {
    const auto* found = std::ranges::find(kFacts, type, &Facts::most);
    return found == kFacts.end() ? std::nullopt : std::optional(found->file_type);
}

DataType type_in(Mixture mixture, const TensorPlace& place) {
    if (place.dimensions < 2 || place.name.find("ffn_gate_inp") != std::string_view::npos) {
        return DataType::kF32;
    }
    DataType type = wished(mixture, place);
    if (place.columns % block_of(type).elements != 0) {
        type = in_blocks_of_32(type);
    }
    return place.columns % block_of(type).elements == 0 ? type : DataType::kF16;
}

}  // namespace capstan::engine
