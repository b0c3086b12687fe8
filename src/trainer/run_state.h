#pragma once

// Where a run stands, and how a checkpoint holds it: state.json, model.safetensors (what is trained) and
// optimizer.safetensors. Batches, dropout and the learning rate follow from the step and the seed, so the
// step is also the position in the data and the state of the random numbers.

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "trainer/checkpoint_store.h"
#include "trainer/optimizer.h"
#include "trainer/parameters.h"

namespace capstan::trainer {

struct RunState {
    std::string fingerprint;  // Of the specification.
    std::uint64_t seed = 0;
    std::int64_t step = 0;         // Steps done; the next one's number.
    std::int64_t steps_total = 0;  // Planned; 0: not yet decided.
    std::int64_t tokens = 0;       // Learnt from, repeats counted.
    double spent_s = 0;
    double evaluation_s = 0;  // The last held-out loss took so long.
    std::optional<double> heldout_loss;
    std::deque<double> recent_losses;  // Of the last kRecentLosses steps.

    static constexpr std::size_t kRecentLosses = 32;

    void add_loss(double loss);
    double mean_recent_loss() const;  // 0 before the first step.
};

struct Snapshot {
    RunState state;
    std::vector<float> values;
    OptimizerState optimizer;
};

struct SnapshotView {
    const RunState& state;
    std::span<const float> values;
    const OptimizerState& optimizer;
};

Result<CheckpointStore::Files> write_snapshot(
    const std::filesystem::path& folder, const ParameterLayout& layout, const SnapshotView& snapshot
);

// kConflict for a checkpoint of another specification; kInvalid for one that does not fit the layout.
Result<Snapshot> read_snapshot(
    const std::filesystem::path& folder, const ParameterLayout& layout, const std::string& fingerprint
);

}  // namespace capstan::trainer
