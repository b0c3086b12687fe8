#pragma once

// Reads the weights of a Llama in Hugging Face's layout: one model.safetensors, or shards with an index.

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "trainer/model_shape.h"

namespace capstan::trainer {

struct BaseModel {
    ModelShape shape;
    std::vector<float> values;             // In the order of llama_parameters(shape).
    std::vector<std::int64_t> end_tokens;  // From generation_config.json or config.json.
};

// kNotFound or kInvalid, naming the file, when the folder is no Llama that this trainer knows.
Result<BaseModel> read_base_model(const std::filesystem::path& folder);

}  // namespace capstan::trainer
