#pragma once

// A LoRA adapter (Hu et al. 2021) in PEFT's layout: adapter_config.json and adapter_model.safetensors.
//
// It is not merged: a projection's output becomes W·x + scale · B·(A·x), computed in this order as PEFT does,
// so that many adapters can be in use beside one base.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/kernels/huge_buffer.h"
#include "engine/kernels/lora.h"
#include "engine/model/config.h"
#include "engine/model/projection.h"

namespace capstan::engine {

inline constexpr std::int64_t kAdapterRankMax = 4096;

// What an adapter adds to one projection.
struct LoraPart {
    kernels::LoraMatrix b;        // [out, rank]; empty for nothing.
    std::int64_t rank_begin = 0;  // Of its ranks in the group's A.
    float scale = 1;              // alpha / rank, or alpha / √rank with use_rslora.
};

// The projections of one input: their A's are multiplied as one.
struct LoraGroup {
    kernels::LoraMatrix a;  // [ranks, in]; empty for nothing.
    std::array<LoraPart, kGroupPartsMax> parts;

    bool empty() const { return a.empty(); }
};

// In 8 bits beside weights of 8 bits or less, whose own rounding is far coarser; else in 16, unless the model
// is float32 and so is the adapter.
kernels::LoraPrecision usual_adapter_precision(const ModelConfig& config);

// Immutable, and so thread-safe. Holds its own copy of the weights.
class Adapter {
public:
    // kInvalid, naming the setting or tensor, for what is not plain LoRA on the model's linear layers (DoRA,
    // replicated layers, trained biases or whole modules, …) or does not fit its shapes. Slow: not on the
    // thread that computes.
    static Result<std::shared_ptr<const Adapter>> load(
        const std::filesystem::path& directory,
        const ModelConfig& config,
        std::optional<kernels::LoraPrecision> precision = std::nullopt
    );

    // Null where the adapter changes nothing.
    const LoraGroup* find(std::int64_t layer, InputGroup group) const;
    const LoraPart* find(std::int64_t layer, Projection projection) const;

    const LoraGroup* head() const { return head_.empty() ? nullptr : &head_; }

    std::int64_t bytes() const { return memory_.size(); }

private:
    // Brings all weights together, in the order in which they are read.
    Adapter(std::vector<LoraGroup> groups, LoraGroup head);

    std::vector<LoraGroup> groups_;  // [layers × groups]
    LoraGroup head_;
    HugeBuffer memory_;  // What the matrices are in.
};

}  // namespace capstan::engine
