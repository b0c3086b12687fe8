#pragma once

// Reads the weights of layers into their places, by the names of an architecture.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/model/tensor_loader.h"
#include "engine/model/weights.h"

namespace capstan::engine {

// Fills members one after the other and keeps the first error.
class WeightFiller {
public:
    WeightFiller(TensorLoader& loader, const ModelConfig& config) : loader_(loader), config_(config) {}

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

// One layer, with its experts if it has any.
void fill_layer(WeightFiller& filler, const ModelConfig& config, std::int64_t index, LayerWeights& out);

}  // namespace capstan::engine
