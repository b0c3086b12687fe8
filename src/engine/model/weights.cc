#include "engine/model/weights.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace capstan::engine {
namespace {

// Fills members one after the other and keeps the first error.
class Filler {
public:
    Filler(TensorLoader& loader, const ModelConfig& config) : loader_(loader), config_(config) {}

    void linear(const ModulePart& part, const LinearShape& shape, Linear& out) {
        if (!part.module.empty()) {
            take(loader_.linear(part, shape, config_.names->is_transposed), out);
        }
    }

    void matrix(
        const std::string& module, std::int64_t rows, std::int64_t columns, kernels::PackedMatrix& out
    ) {
        take(loader_.matrix(module, rows, columns), out);
    }

    // Nothing when `module` is empty.
    void norm(const std::string& prefix, std::string_view module, std::int64_t count, Norm& out) {
        if (module.empty()) {
            return;
        }
        const std::string name = prefix + std::string(module);
        take(loader_.vector(name + ".weight", count), out.weight);
        if (config_.norm == NormKind::kRmsOffset) {
            for (float& weight : out.weight) {
                weight += 1;
            }
        }
        if (config_.norm == NormKind::kLayer) {
            take(loader_.vector(name + ".bias", count), out.bias);
        }
    }

    void mlp(const std::string& prefix, std::int64_t intermediate, MlpWeights& out) {
        const MlpNames& names = config_.names->expert;
        const auto read = [&](std::string_view name, const LinearShape& shape, Linear& linear_out) {
            linear({.module = prefix + std::string(name), .rows_total = shape.out}, shape, linear_out);
        };
        read(names.gate, {.out = intermediate, .in = config_.hidden}, out.gate);
        read(names.up, {.out = intermediate, .in = config_.hidden}, out.up);
        read(names.down, {.out = config_.hidden, .in = intermediate}, out.down);
    }

    const std::optional<Error>& error() const { return error_; }

private:
    template <typename T>
    void take(Result<T> result, T& out) {
        if (error_) {
            return;
        }
        if (!result) {
            error_ = result.error();
            return;
        }
        out = std::move(*result);
    }

    TensorLoader& loader_;
    const ModelConfig& config_;
    std::optional<Error> error_;
};

void fill_experts(Filler& filler, const ModelConfig& config, const std::string& prefix, ExpertWeights& out) {
    const TensorNames& names = *config.names;
    const ExpertConfig& experts = config.experts;
    const auto single = [&](std::string_view module, std::int64_t rows, Linear& linear) {
        filler.linear(
            {.module = prefix + std::string(module), .rows_total = rows},
            {.out = rows, .in = config.hidden},
            linear
        );
    };
    single(names.router, experts.count, out.router);
    out.experts.resize(static_cast<std::size_t>(experts.count));
    for (std::size_t i = 0; i < out.experts.size() && !filler.error(); ++i) {
        filler.mlp(fmt::format("{}{}{}.", prefix, names.experts, i), experts.intermediate, out.experts[i]);
    }
    if (experts.shared_intermediate > 0) {
        filler.mlp(
            fmt::format("{}{}.", prefix, names.shared_expert), experts.shared_intermediate, out.shared
        );
        single(names.shared_gate, 1, out.shared_gate);
    }
}

void fill_layer(Filler& filler, const ModelConfig& config, std::int64_t index, LayerWeights& out) {
    const TensorNames& names = *config.names;
    const std::string prefix = layer_prefix(config, index);
    filler.norm(prefix, names.attention_norm, config.hidden, out.attention_norm);
    filler.norm(prefix, names.attention_post_norm, config.hidden, out.attention_post_norm);
    filler.norm(prefix, names.mlp_norm, config.hidden, out.mlp_norm);
    filler.norm(prefix, names.mlp_post_norm, config.hidden, out.mlp_post_norm);
    filler.norm(prefix, names.query_norm, config.head_dim, out.query_norm);
    filler.norm(prefix, names.key_norm, config.head_dim, out.key_norm);
    for (const Projection projection : kProjections) {
        filler.linear(
            module_of(projection, config, index),
            shape_of(projection, config),
            out.linears[static_cast<std::size_t>(projection)]
        );
    }
    if (config.plan(index).has_experts) {
        fill_experts(filler, config, prefix, out.experts);
    }
}

void fill_ends(Filler& filler, TensorLoader& loader, const ModelConfig& config, Weights& weights) {
    const TensorNames& names = *config.names;
    const std::string base(names.base);
    filler.matrix(base + std::string(names.embedding), config.vocabulary, config.hidden, weights.embedding);
    if (!names.positions.empty()) {
        filler.matrix(
            base + std::string(names.positions), config.positions_max, config.hidden, weights.positions
        );
    }
    filler.norm(base, names.final_norm, config.hidden, weights.final_norm);
    const std::string head(names.head);
    if (config.tied_embeddings) {
        loader.ignore(head + ".weight");
    } else {
        filler.matrix(head, config.vocabulary, config.hidden, weights.head.weight);
    }
}

Result<void> fill(TensorLoader& loader, const ModelConfig& config, Weights& weights) {
    Filler filler(loader, config);
    fill_ends(filler, loader, config, weights);
    for (std::int64_t index = 0; index < config.layers && !filler.error(); ++index) {
        fill_layer(filler, config, index, weights.layers.emplace_back());
    }
    if (filler.error()) {
        return *filler.error();
    }
    return {};
}

std::int64_t bytes_of_mlp(const MlpWeights& mlp) {
    return mlp.gate.weight.bytes() + mlp.up.weight.bytes() + mlp.down.weight.bytes();
}

// A token reads only the experts that it uses.
std::int64_t bytes_read(const ModelConfig& config, const Weights& weights) {
    std::int64_t bytes = (config.tied_embeddings ? weights.embedding : weights.head.weight).bytes();
    for (const LayerWeights& layer : weights.layers) {
        for (const Linear& linear : layer.linears) {
            bytes += linear.weight.bytes();
        }
        if (const ExpertWeights& experts = layer.experts; !experts.experts.empty()) {
            bytes += experts.router.weight.bytes() + bytes_of_mlp(experts.shared) +
                     experts.shared_gate.weight.bytes() +
                     config.experts.used * bytes_of_mlp(experts.experts.front());
        }
    }
    return bytes;
}

}  // namespace

Result<Weights> load_weights(const std::filesystem::path& path, const ModelConfig& config, ThreadTeam& team) {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint) {
        return checkpoint.error();
    }
    Weights weights;
    weights.checkpoint = std::make_unique<Checkpoint>(std::move(*checkpoint));
    TensorLoader loader(weights.checkpoint.get(), team);
    const TensorNames& names = *config.names;
    if (weights.checkpoint->find(fmt::format("{}{}.weight", names.base, names.embedding)) == nullptr) {
        loader.drop_prefix(names.base);
    }
    if (auto good = fill(loader, config, weights); !good) {
        return good.error();
    }
    if (auto good = loader.check_all_taken(names.ignored_ends); !good) {
        return good.error();
    }
    weights.copies = loader.take_copies();
    weights.matmul_bytes = bytes_read(config, weights);
    return weights;
}

std::vector<TensorSpec> tensors_of(const ModelConfig& config) {
    ThreadTeam team(1);
    TensorLoader loader(nullptr, team);
    Weights weights;
    const auto good = fill(loader, config, weights);
    CHECK(good, "without a file nothing is missing");
    return loader.wanted();
}

}  // namespace capstan::engine
