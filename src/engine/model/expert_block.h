#pragma once

// The half of a layer in which each row chooses a few of many MLPs (Shazeer et al. 2017; Jiang et al. 2024).
//
// Rows are gathered by expert, so that each expert's matrices are read once for a batch. A row's experts are
// added up in the order of their numbers, whoever else uses them: so its result does not depend on the batch.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/elementwise.h"
#include "engine/model/projector.h"

namespace capstan::engine {

// Used by one thread at a time.
class ExpertBlock {
public:
    // All outlive this.
    struct Parts {
        const ModelConfig& config;
        const Weights& weights;
        const RowMath& math;
        Projector& projector;
        ThreadTeam& team;
    };

    explicit ExpertBlock(const Parts& parts) : parts_(parts) {}

    // `x` and `out` are [rows, hidden].
    void run(std::int64_t rows, std::int64_t layer, const float* x, float* out);

private:
    // One row's use of one expert.
    struct Choice {
        std::int64_t expert = 0;
        float weight = 0;
        std::int64_t place = 0;  // Where the row is among the gathered ones.
    };

    void choose(std::int64_t rows, const ExpertWeights& weights, const float* x);
    void choose_for_row(std::int64_t row);
    void gather(std::int64_t rows, const float* x);
    void run_mlp(const MlpWeights& mlp, std::int64_t begin, std::int64_t end);
    void run_shared(const ExpertWeights& weights, std::int64_t rows, const float* x);

    Parts parts_;
    std::vector<float> scores_;         // [rows, experts]
    std::vector<Choice> choices_;       // [rows, used], of a row in the order of experts.
    std::vector<std::int64_t> begins_;  // [experts + 1]: each expert's places.
    std::vector<float> gathered_;       // [rows · used, hidden]
    std::vector<float> gate_;           // [rows of one expert, intermediate]
    std::vector<float> up_;
    std::vector<float> results_;  // [rows · used, hidden]
    std::vector<float> shared_;   // [rows, hidden]
    std::vector<float> shared_weights_;
};

}  // namespace capstan::engine
