#include "engine/model/architectures/table.h"

#include <array>

namespace capstan::engine {

std::span<const Architecture* const> architectures() {
    static constexpr std::array<const Architecture*, 12> kTable = {
        &kGemma,
        &kGemma2,
        &kGemma3,
        &kGpt2,
        &kLlama,
        &kMistral,
        &kMixtral,
        &kPhi3,
        &kQwen2,
        &kQwen2Moe,
        &kQwen3,
        &kQwen3Moe,
    };
    return kTable;
}

}  // namespace capstan::engine
