#pragma once

// What other programs load: a model folder in Hugging Face's layout, or an adapter folder in PEFT's.
// A folder appears whole under its name, or not at all.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "trainer/model_shape.h"
#include "trainer/safetensors.h"
#include "trainer/spec.h"

namespace capstan::trainer {

struct ModelExport {
    ModelShape shape;
    std::vector<std::int64_t> end_tokens;    // Where generation stops.
    std::filesystem::path tokenizer;         // Copied when not empty.
    std::filesystem::path tokenizer_config;  // Copied when not empty.
};

// config.json, generation_config.json, model.safetensors and the tokenizer's files. Replaces what is there.
Result<void> export_model(
    const std::filesystem::path& folder, const ModelExport& model, const TensorViews& tensors
);

// adapter_config.json (PEFT's keys) and adapter_model.safetensors. Replaces what is there.
//   tensors  Under the names of our own layers ("model.layers.0.self_attn.q_proj.lora_A.weight"); the files
//   get
//            PEFT's prefix "base_model.model.".
Result<void> export_adapter(
    const std::filesystem::path& folder,
    const LoraSettings& lora,
    const std::string& base_model,
    const TensorViews& tensors
);

}  // namespace capstan::trainer
