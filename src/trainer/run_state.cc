#include "trainer/run_state.h"

#include <numeric>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

namespace capstan::trainer {
namespace {

constexpr std::uint64_t kStateBytesMax = 1 << 20;

Json to_json(const RunState& state, const OptimizerState& optimizer) {
    return Json::object({
        {"schema", 1},
        {"fingerprint", state.fingerprint},
        {"seed", state.seed},
        {"step", state.step},
        {"steps_total", state.steps_total},
        {"optimizer_steps", optimizer.steps},
        {"tokens", state.tokens},
        {"spent_s", state.spent_s},
        {"evaluation_s", state.evaluation_s},
        {"heldout_loss", state.heldout_loss},
        {"recent_losses", Json::array_of(state.recent_losses)},
    });
}

RunState state_from(const Json& json) {
    RunState state{
        .fingerprint = json.string_or("fingerprint", ""),
        .seed = static_cast<std::uint64_t>(json.int_or("seed", 0)),
        .step = json.int_or("step", -1),
        .steps_total = json.int_or("steps_total", 0),
        .tokens = json.int_or("tokens", 0),
        .spent_s = json.double_or("spent_s", 0),
        .evaluation_s = json.double_or("evaluation_s", 0),
        .heldout_loss = json["heldout_loss"].as_double(),
        .recent_losses = {},
    };
    if (const auto* losses = json["recent_losses"].as_array()) {
        for (const Json& loss : *losses) {
            state.recent_losses.push_back(loss.as_double().value_or(0));
        }
    }
    return state;
}

}  // namespace

void RunState::add_loss(double loss) {
    recent_losses.push_back(loss);
    if (recent_losses.size() > kRecentLosses) {
        recent_losses.pop_front();
    }
}

double RunState::mean_recent_loss() const {
    const double sum = std::accumulate(recent_losses.begin(), recent_losses.end(), 0.0);
    return recent_losses.empty() ? 0 : sum / static_cast<double>(recent_losses.size());
}

Result<CheckpointStore::Files> write_snapshot(
    const std::filesystem::path& folder, const ParameterLayout& layout, const SnapshotView& snapshot
) {
    CheckpointStore::Files files;
    const auto weights = write_safetensors(folder / "model.safetensors", layout.views(snapshot.values), {});
    if (!weights) {
        return weights.error();
    }
    files["model.safetensors"] = *weights;
    TensorViews moments = layout.views(snapshot.optimizer.mean, ".exp_avg");
    moments.merge(layout.views(snapshot.optimizer.square_mean, ".exp_avg_sq"));
    const auto optimizer = write_safetensors(folder / "optimizer.safetensors", moments, {});
    if (!optimizer) {
        return optimizer.error();
    }
    files["optimizer.safetensors"] = *optimizer;
    const std::string state = to_json(snapshot.state, snapshot.optimizer).dump_pretty();
    if (auto written = replace_file(folder / "state.json", state); !written) {
        return written.error();
    }
    files["state.json"] = sha256_hex(state);
    return files;
}

Result<Snapshot> read_snapshot(
    const std::filesystem::path& folder, const ParameterLayout& layout, const std::string& fingerprint
) {
    const auto text = read_file(folder / "state.json", kStateBytesMax);
    if (!text) {
        return text.error();
    }
    const auto json = parse_json(*text);
    if (!json) {
        return with_context("state.json", json.error());
    }
    Snapshot snapshot{.state = state_from(*json), .values = {}, .optimizer = {}};
    if (snapshot.state.fingerprint != fingerprint) {
        return Error{ErrorCode::kConflict, "it was made for another specification"};
    }
    snapshot.optimizer.steps = json->int_or("optimizer_steps", -1);
    if (snapshot.state.step < 0 || snapshot.optimizer.steps < 0) {
        return Error{ErrorCode::kInvalid, "state.json lacks its step"};
    }
    const auto weights = SafetensorsFile::open(folder / "model.safetensors");
    const auto moments = SafetensorsFile::open(folder / "optimizer.safetensors");
    if (!weights || !moments) {
        return weights ? moments.error() : weights.error();
    }
    auto values = layout.read(weights->tensors());
    auto mean = layout.read(moments->tensors(), ".exp_avg");
    auto square_mean = layout.read(moments->tensors(), ".exp_avg_sq");
    for (const auto* each : {&values, &mean, &square_mean}) {
        if (!*each) {
            return each->error();
        }
    }
    snapshot.values = std::move(*values);
    snapshot.optimizer.mean = std::move(*mean);
    snapshot.optimizer.square_mean = std::move(*square_mean);
    return snapshot;
}

}  // namespace capstan::trainer
