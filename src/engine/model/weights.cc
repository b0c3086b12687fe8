#include "engine/model/weights.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "engine/model/weight_filler.h"

namespace capstan::engine {
namespace {

void fill_ends(WeightFiller& filler, TensorLoader& loader, const ModelConfig& config, Weights& weights) {
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
    WeightFiller filler(loader, config);
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

Result<Weights> load_weights(
    const std::filesystem::path& path, const ModelConfig& config, ThreadTeam& team, kernels::PackAs pack_as
) {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint) {
        return checkpoint.error();
    }
    Weights weights;
    weights.checkpoint = std::make_unique<Checkpoint>(std::move(*checkpoint));
    TensorLoader loader(weights.checkpoint.get(), team, pack_as);
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
