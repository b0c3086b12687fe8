#pragma once

// A LoRA adapter (Hu et al. 2021) in PEFT's layout: adapter_config.json and adapter_model.safetensors.
//
// It is not merged: a projection's output becomes W·x + scale · B·(A·x), computed in this order as PEFT does,
// so that many adapters can be in use beside one base.

#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.h"
#include "engine/files/safetensors.h"
#include "engine/kernels/kernels.h"
#include "engine/model/config.h"
#include "engine/model/projection.h"

namespace capstan::engine {

inline constexpr std::int64_t kAdapterRankMax = 4096;

struct LoraPair {
    kernels::WeightMatrix a;  // [rank, in]
    kernels::WeightMatrix b;  // [out, rank]
    float scale = 1;          // alpha / rank, or alpha / √rank with use_rslora.
};

class Adapter {
public:
    // kInvalid, naming the setting or tensor, for what is not plain LoRA on the model's linear layers (DoRA,
    // replicated layers, trained biases or whole modules, …) or does not fit its shapes.
    static Result<std::shared_ptr<const Adapter>> load(
        const std::filesystem::path& directory, const ModelConfig& config
    );

    // Null where the adapter changes nothing.
    const LoraPair* find(std::int64_t layer, Projection projection) const;
    const LoraPair* head() const;

private:
    Adapter(SafetensorsFile file, std::vector<LoraPair> pairs, LoraPair head)
        : file_(std::move(file)), pairs_(std::move(pairs)), head_(head) {}

    SafetensorsFile file_;
    std::vector<LoraPair> pairs_;  // [layers × projections]; an empty `a` for none.
    LoraPair head_;
};

}  // namespace capstan::engine
