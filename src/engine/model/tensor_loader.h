#pragma once

// Takes tensors from a checkpoint by name and shape, and knows at the end which nobody wanted.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/files/checkpoint.h"
#include "engine/kernels/linear.h"
#include "engine/model/projection.h"

namespace capstan::engine {

// y = weight · x + bias.
struct Linear {
    kernels::PackedMatrix weight;  // [out, in]
    std::vector<float> bias;       // Empty for none.
};

struct TensorSpec {
    std::string name;
    std::vector<std::int64_t> shape;
};

// The tensor as a matrix of exactly this shape. kInvalid, naming it, when it is missing or of another shape
// or type.
Result<kernels::WeightMatrix> find_matrix(
    const Tensor* tensor, std::string_view name, std::int64_t rows, std::int64_t columns
);

class TensorLoader {
public:
    // Without a checkpoint every tensor is found, empty; `wanted` says afterwards what was asked for.
    TensorLoader(
        const Checkpoint* checkpoint, ThreadTeam& team, kernels::PackAs pack_as = kernels::PackAs::kStored
    )
        : checkpoint_(checkpoint), team_(team), pack_as_(pack_as) {}

    // Modules of this prefix are sought without it from now on.
    void drop_prefix(std::string_view prefix) { dropped_prefix_ = prefix; }

    // Rows [row_begin, row_begin + shape.out) of the module's matrix, and of its bias. `is_transposed`: the
    // file has it [in, out].
    // kInvalid when it is to be rounded and has too few bits already.
    Result<Linear> linear(const ModulePart& part, const LinearShape& shape, bool is_transposed);
    // Embeddings and heads: 4 bits become 8 here, since each of their rows is a token of its own.
    Result<kernels::PackedMatrix> matrix(const std::string& module, std::int64_t rows, std::int64_t columns);
    Result<std::vector<float>> vector(const std::string& name, std::int64_t count);

    void ignore(const std::string& name) { taken_.insert(name); }

    // A tensor that is not used would have changed the result: refuse rather than compute something else.
    Result<void> check_all_taken(std::span<const std::string_view> ignored_ends) const;

    const std::vector<TensorSpec>& wanted() const { return wanted_; }

    // Copies that matrices point to; they must live as long.
    std::vector<std::vector<std::byte>> take_copies() { return std::move(copies_); }

private:
    Result<Linear> packed(
        const ModulePart& part, const LinearShape& shape, bool is_transposed, kernels::PackAs pack_as
    );
    std::string stored_name(std::string_view name) const;
    void want(const std::string& name, std::vector<std::int64_t> shape);
    Result<kernels::WeightMatrix> whole(
        const std::string& name, std::int64_t rows, std::int64_t columns, bool is_transposed
    );

    const Checkpoint* checkpoint_;
    ThreadTeam& team_;
    kernels::PackAs pack_as_;
    std::string dropped_prefix_;
    std::set<std::string> taken_;
    std::vector<TensorSpec> wanted_;
    std::map<std::string, kernels::WeightMatrix> copied_;
    std::vector<std::vector<std::byte>> copies_;
};

}  // namespace capstan::engine
