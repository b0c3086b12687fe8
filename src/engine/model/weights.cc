#include "engine/model/weights.h"

#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

// Takes tensors by name, and knows at the end which nobody wanted.
class Loader {
public:
    Loader(const Checkpoint& checkpoint, ThreadTeam& team) : checkpoint_(checkpoint), team_(team) {}

    Result<kernels::PackedMatrix> matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
        taken_.insert(name);
        const auto found = find_matrix(checkpoint_.find(name), name, rows, columns);
        if (!found) {
            return found.error();
        }
        return kernels::PackedMatrix::pack(*found, team_);
    }

    Result<std::vector<float>> vector(const std::string& name, std::int64_t count) {
        taken_.insert(name);
        const Tensor* tensor = checkpoint_.find(name);
        if (tensor != nullptr && tensor->shape.size() != 1) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}' has shape {}, not [{}]", name, shape_text(tensor->shape), count)
            };
        }
        const auto matrix = find_matrix(tensor, name, 1, count);
        if (!matrix) {
            return matrix.error();
        }
        std::vector<float> values;
        values.reserve(static_cast<std::size_t>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            values.push_back(weight_at(matrix->data, matrix->type, i));
        }
        return values;
    }

    Result<Linear> linear(const std::string& module, const LinearShape& shape) {
        auto weight = matrix(module + ".weight", shape.out, shape.in);
        if (!weight) {
            return weight.error();
        }
        Linear linear = {.weight = std::move(*weight), .bias = {}};
        if (shape.has_bias) {
            auto bias = vector(module + ".bias", shape.out);
            if (!bias) {
                return bias.error();
            }
            linear.bias = std::move(*bias);
        }
        return linear;
    }

    void ignore(const std::string& name) { taken_.insert(name); }

    // A tensor that is not used would have changed the result: refuse rather than compute something else.
    Result<void> check_all_taken() const {
        for (const std::string& name : checkpoint_.names()) {
            if (!taken_.contains(name) && !name.ends_with(".rotary_emb.inv_freq")) {
                return Error{
                    ErrorCode::kInvalid,
                    fmt::format("tensor '{}' is not part of the model that config.json describes", name)
                };
            }
        }
        return {};
    }

private:
    const Checkpoint& checkpoint_;
    ThreadTeam& team_;
    std::set<std::string> taken_;
};

Result<LayerWeights> load_layer(Loader& loader, const ModelConfig& config, std::int64_t index) {
    const std::string prefix = fmt::format("model.layers.{}.", index);
    LayerWeights layer;
    auto attention_norm = loader.vector(prefix + "input_layernorm.weight", config.hidden);
    if (!attention_norm) {
        return attention_norm.error();
    }
    layer.attention_norm = std::move(*attention_norm);
    auto mlp_norm = loader.vector(prefix + "post_attention_layernorm.weight", config.hidden);
    if (!mlp_norm) {
        return mlp_norm.error();
    }
    layer.mlp_norm = std::move(*mlp_norm);
    for (const Projection projection : kProjections) {
        auto linear =
            loader.linear(prefix + std::string(module_name(projection)), shape_of(projection, config));
        if (!linear) {
            return linear.error();
        }
        layer.linears[static_cast<std::size_t>(projection)] = std::move(*linear);
    }
    return layer;
}

Result<void> load_ends(Loader& loader, const ModelConfig& config, Weights& weights) {
    const std::string embedding_name = "model.embed_tokens.weight";
    auto embedding = loader.matrix(embedding_name, config.vocabulary, config.hidden);
    if (!embedding) {
        return embedding.error();
    }
    weights.embedding = std::move(*embedding);
    auto norm = loader.vector("model.norm.weight", config.hidden);
    if (!norm) {
        return norm.error();
    }
    weights.final_norm = std::move(*norm);
    if (config.tied_embeddings) {
        loader.ignore("lm_head.weight");
        return {};
    }
    auto head = loader.matrix("lm_head.weight", config.vocabulary, config.hidden);
    if (!head) {
        return head.error();
    }
    weights.head.weight = std::move(*head);
    return {};
}

}  // namespace

Result<kernels::WeightMatrix> find_matrix(
    const Tensor* tensor, std::string_view name, std::int64_t rows, std::int64_t columns
) {
    if (tensor == nullptr) {
        return Error{ErrorCode::kInvalid, fmt::format("tensor '{}' is missing", name)};
    }
    const bool is_vector = tensor->shape.size() == 1 && rows == 1 && tensor->shape[0] == columns;
    const bool is_matrix =
        tensor->shape.size() == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
    if (!is_vector && !is_matrix) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "tensor '{}' has shape {}; the configuration asks for [{}, {}]",
                name,
                shape_text(tensor->shape),
                rows,
                columns
            )
        };
    }
    if (!is_weight_type(tensor->type)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("tensor '{}' is {}; only F32, F16 and BF16 can be run", name, name_of(tensor->type))
        };
    }
    return kernels::WeightMatrix{
        .data = tensor->bytes.data(), .type = tensor->type, .rows = rows, .columns = columns
    };
}

Result<Weights> load_weights(
    const std::filesystem::path& directory, const ModelConfig& config, ThreadTeam& team
) {
    auto checkpoint = Checkpoint::open(directory);
    if (!checkpoint) {
        return checkpoint.error();
    }
    Weights weights = {
        .checkpoint = std::move(*checkpoint), .embedding = {}, .layers = {}, .final_norm = {}, .head = {}
    };
    Loader loader(weights.checkpoint, team);
    if (auto good = load_ends(loader, config, weights); !good) {
        return good.error();
    }
    weights.matmul_bytes = (config.tied_embeddings ? weights.embedding : weights.head.weight).bytes();
    for (std::int64_t index = 0; index < config.layers; ++index) {
        auto layer = load_layer(loader, config, index);
        if (!layer) {
            return layer.error();
        }
        for (const Linear& linear : layer->linears) {
            weights.matmul_bytes += linear.weight.bytes();
        }
        weights.layers.push_back(std::move(*layer));
    }
    if (auto good = loader.check_all_taken(); !good) {
        return good.error();
    }
    return weights;
}

}  // namespace capstan::engine
