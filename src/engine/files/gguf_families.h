#pragma once

// What each family of models calls its tensors in GGUF and in Hugging Face's files, and which of them lie
// otherwise in the one than in the other.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace capstan::engine {

inline constexpr std::int64_t kGgufExpertsMax = 4'096;

enum class GgufChange {
    kNone,
    kTransposed,  // [out, in] in GGUF, [in, out] in Hugging Face's files.
    kQueryRows,   // In GGUF the two rows of a rotary pair are neighbours, in each of as many heads as queries
                  // have;
    kKeyRows,     // as keys have.
};

// A module, without ".weight" and ".bias".
struct GgufModuleNames {
    std::string_view gguf;
    std::string_view hugging_face;
    GgufChange change = GgufChange::kNone;
};

// What follows "blk.N." and what follows `layers` and "N."; `expert_gate`, … are of one expert.
struct GgufFamily {
    std::string_view layers;
    std::span<const GgufModuleNames> in_layer;
    std::span<const GgufModuleNames> ends;
    std::string_view experts;
    std::string_view expert_gate;
    std::string_view expert_up;
    std::string_view expert_down;
    float norm_offset = 0;  // GGUF has the norms' weights plus this.
};

// By GGUF's "general.architecture".
std::optional<GgufFamily> gguf_family_of(std::string_view architecture);

}  // namespace capstan::engine
