#include "engine/model/random_model.h"

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/files/safetensors.h"
#include "engine/model/projection.h"
#include "engine/model/weights.h"
#include "text/bpe_trainer.h"
#include "text/chat_template.h"
#include "text/tokenizer_writer.h"

namespace capstan::engine {
namespace {

// Random tensors of one file.
class TensorMaker {
public:
    explicit TensorMaker(const RandomModel& model) : type_(model.type), random_(model.seed) {}

    void matrix(std::string name, std::int64_t rows, std::int64_t columns, float spread) {
        const float deviation = spread / std::sqrt(static_cast<float>(columns));
        // Uniform numbers of this deviation: nothing here needs a bell, and large models should be quick.
        std::uniform_real_distribution<float> uniform(-std::sqrt(3.0F), std::sqrt(3.0F));
        fill(std::move(name), {rows, columns}, [&] { return deviation * uniform(random_); });
    }

    void vector(std::string name, std::int64_t count, float middle, float spread) {
        std::uniform_real_distribution<float> uniform(-std::sqrt(3.0F), std::sqrt(3.0F));
        fill(std::move(name), {count}, [&] {
            return spread == 0 ? middle : middle + spread * uniform(random_);
        });
    }

    Result<void> write(const std::filesystem::path& path) const {
        std::vector<TensorToWrite> tensors;
        for (const Made& made : tensors_) {
            tensors.push_back({.name = made.name, .type = type_, .shape = made.shape, .bytes = made.bytes});
        }
        return write_safetensors(path, tensors);
    }

private:
    struct Made {
        std::string name;
        std::vector<std::int64_t> shape;
        std::vector<std::byte> bytes;
    };

    template <typename Next>
    void fill(std::string name, std::vector<std::int64_t> shape, const Next& next) {
        std::int64_t count = 1;
        for (const std::int64_t dimension : shape) {
            count *= dimension;
        }
        const std::int64_t size = bytes_of(type_);
        std::vector<std::byte> bytes(static_cast<std::size_t>(count * size));
        for (std::byte* to = bytes.data(); to != bytes.data() + bytes.size(); to += size) {
            const float value = next();
            if (type_ == DataType::kF32) {
                std::memcpy(to, &value, sizeof value);
            } else {
                const auto half = type_ == DataType::kF16 ? f16_of_float(value) : bf16_of_float(value);
                std::memcpy(to, &half, sizeof half);
            }
        }
        tensors_.push_back({.name = std::move(name), .shape = std::move(shape), .bytes = std::move(bytes)});
    }

    DataType type_;
    std::mt19937_64 random_;
    std::vector<Made> tensors_;
};

Json config_json(const ModelConfig& config) {
    return Json::object({
        {"architectures", Json::array({"LlamaForCausalLM"})},
        {"model_type", "llama"},
        {"vocab_size", config.vocabulary},
        {"hidden_size", config.hidden},
        {"intermediate_size", config.intermediate},
        {"num_hidden_layers", config.layers},
        {"num_attention_heads", config.heads},
        {"num_key_value_heads", config.kv_heads},
        {"head_dim", config.head_dim},
        {"max_position_embeddings", config.positions_max},
        {"rms_norm_eps", config.norm_epsilon},
        {"rope_theta", config.rope.theta},
        {"tie_word_embeddings", config.tied_embeddings},
        {"eos_token_id", Json::array_of(config.end_tokens)},
    });
}

Result<void> write_byte_tokenizer(const std::filesystem::path& directory, const ModelConfig& config) {
    text::BpeTrainer trainer(
        {.vocabulary_size = 261,
         .min_frequency = 0,
         .special_tokens = {"<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"}}
    );
    trainer.add("bytes only");
    const auto vocabulary = trainer.train();
    if (!vocabulary) {
        return vocabulary.error();
    }
    return text::write_tokenizer(
        directory,
        *vocabulary,
        {.bos_token = "<|endoftext|>",
         .eos_token = "<|endoftext|>",
         .chat_template = std::string(text::default_chat_template()),
         .context_tokens = static_cast<int>(config.positions_max)}
    );
}

}  // namespace

Result<void> write_random_model(const std::filesystem::path& directory, const RandomModel& model) {
    CHECK(is_weight_type(model.type), "weights are F32, F16 or BF16");
    const Json json = model.config_json.value_or(config_json(model.config));
    const auto config = config_of(json);
    if (!config) {
        return config.error();
    }
    TensorMaker tensors(model);
    for (const TensorSpec& spec : tensors_of(*config)) {
        if (spec.shape.size() == 2) {
            tensors.matrix(spec.name, spec.shape[0], spec.shape[1], model.spread);
        } else {
            const bool is_zero = spec.name.ends_with(".bias") || config->norm == NormKind::kRmsOffset;
            tensors.vector(spec.name, spec.shape[0], is_zero ? 0.0F : 1.0F, model.vector_spread);
        }
    }
    if (auto good = tensors.write(directory / "model.safetensors"); !good) {
        return good;
    }
    if (auto good = write_byte_tokenizer(directory, *config); !good) {
        return good;
    }
    return replace_file(directory / "config.json", json.dump_pretty());
}

Result<void> write_random_adapter(
    const std::filesystem::path& directory, const RandomModel& model, std::int64_t rank
) {
    const auto config = config_of(model.config_json.value_or(config_json(model.config)));
    if (!config) {
        return config.error();
    }
    TensorMaker tensors(model);
    for (std::int64_t layer = 0; layer < config->layers; ++layer) {
        for (const Projection projection : kProjections) {
            const LinearShape shape = shape_of(projection, *config);
            const std::string module = "base_model.model." + module_of(projection, *config, layer).module;
            tensors.matrix(module + ".lora_A.weight", rank, shape.in, model.spread);
            tensors.matrix(module + ".lora_B.weight", shape.out, rank, model.spread);
        }
    }
    if (auto good = tensors.write(directory / "adapter_model.safetensors"); !good) {
        return good;
    }
    const Json settings = Json::object(
        {{"peft_type", "LORA"},
         {"task_type", "CAUSAL_LM"},
         {"r", rank},
         {"lora_alpha", rank},
         {"bias", "none"}}
    );
    return replace_file(directory / "adapter_config.json", settings.dump_pretty());
}

}  // namespace capstan::engine
