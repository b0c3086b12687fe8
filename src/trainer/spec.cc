#include "trainer/spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/hash.h"
#include "trainer/spec_section.h"

namespace capstan::trainer {
namespace {

constexpr std::int64_t kStepsMax = 100'000'000;
constexpr double kSecondsMax = 30.0 * 24 * 3600;
constexpr std::int64_t kStepTokensMax = 1 << 24;
constexpr std::int64_t kParametersMax = std::int64_t{8} << 30;

// The linear layers of a Llama block.
constexpr std::array<std::string_view, 7> kLinearLayers{
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
};

ModelShape read_model(const Json& json, SpecErrors& errors) {
    SpecSection section(json, "model", errors);
    ModelShape shape;
    constexpr Limits<std::int64_t> kAny{1, 1 << 20};  // check_shape has the exact limits.
    shape.vocab_size = section.integer("vocab_size", shape.vocab_size, kAny);
    shape.hidden_size = section.integer("hidden_size", shape.hidden_size, kAny);
    shape.intermediate_size = section.integer("intermediate_size", shape.intermediate_size, kAny);
    shape.layers = section.integer("num_hidden_layers", shape.layers, kAny);
    shape.heads = section.integer("num_attention_heads", shape.heads, kAny);
    const auto kv_heads = section.has("num_attention_heads") ? shape.heads : shape.kv_heads;
    shape.kv_heads = section.integer("num_key_value_heads", kv_heads, kAny);
    shape.head_dim =
        section.integer("head_dim", std::max<std::int64_t>(1, shape.hidden_size / shape.heads), kAny);
    shape.positions_max = section.integer("max_position_embeddings", shape.positions_max, kAny);
    shape.rope_theta = section.number("rope_theta", shape.rope_theta, {1, 1e12});
    shape.rms_norm_eps = section.number("rms_norm_eps", shape.rms_norm_eps, {0, 1});
    shape.tie_word_embeddings = section.boolean("tie_word_embeddings", shape.tie_word_embeddings);
    section.refuse_unknown();
    if (const auto good = check_shape(shape); !good) {
        errors.add("model", good.error().message);
    } else if (parameter_count(shape) > kParametersMax) {
        errors.add("model", fmt::format("has more than {} parameters", kParametersMax));
    }
    return shape;
}

LoraSettings read_lora(const Json& json, SpecErrors& errors) {
    SpecSection section(json, "lora", errors);
    LoraSettings lora;
    lora.rank = section.integer("rank", lora.rank, {1, 1024});
    lora.alpha = section.number("alpha", static_cast<double>(2 * lora.rank), {1e-6, 1e6});
    lora.dropout = section.number("dropout", lora.dropout, {0, 0.95});
    lora.rank_stabilised = section.boolean("rslora", lora.rank_stabilised);
    lora.targets = section.texts("targets", lora.targets);
    section.refuse_unknown();
    if (lora.targets.empty()) {
        section.fail("targets", "must name at least one layer");
    }
    for (const auto& target : lora.targets) {
        if (std::ranges::find(kLinearLayers, target) == kLinearLayers.end()) {
            section.fail(
                "targets",
                fmt::format("has '{}'; known layers are: {}", target, fmt::join(kLinearLayers, ", "))
            );
        }
    }
    std::ranges::sort(lora.targets);
    lora.targets.erase(std::ranges::unique(lora.targets).begin(), lora.targets.end());
    return lora;
}

OptimizerSettings read_optimizer(const Json& json, Task task, SpecErrors& errors) {
    SpecSection section(json, "optimizer", errors);
    OptimizerSettings optimizer;
    if (task == Task::kLora) {
        optimizer.weight_decay = 0;  // The adapter is small and starts at zero; as in PEFT's examples.
        optimizer.beta2 = 0.999;
    }
    optimizer.learning_rate = section.number("learning_rate", optimizer.learning_rate, {0, 100});
    optimizer.weight_decay = section.number("weight_decay", optimizer.weight_decay, {0, 100});
    optimizer.beta1 = section.number("beta1", optimizer.beta1, {0, 0.999999});
    optimizer.beta2 = section.number("beta2", optimizer.beta2, {0, 0.999999});
    optimizer.eps = section.number("eps", optimizer.eps, {1e-20, 1});
    optimizer.clip_norm = section.number("clip_norm", optimizer.clip_norm, {0, 1e9});
    optimizer.warmup_steps = section.integer("warmup_steps", optimizer.warmup_steps, {0, kStepsMax});
    optimizer.final_fraction = section.number("final_fraction", optimizer.final_fraction, {0, 1});
    const auto schedule = section.text("schedule", "cosine");
    if (schedule != "cosine" && schedule != "constant") {
        section.fail("schedule", "must be 'cosine' or 'constant'");
    }
    optimizer.schedule = schedule == "constant" ? Schedule::kConstant : Schedule::kCosine;
    section.refuse_unknown();
    return optimizer;
}

BatchSettings read_batch(const Json& json, SpecErrors& errors) {
    SpecSection section(json, "batch", errors);
    BatchSettings batch;
    batch.sequences = section.integer("sequences", batch.sequences, {1, 65'536});
    batch.sequence_tokens = section.integer("sequence_tokens", batch.sequence_tokens, {2, 1 << 17});
    batch.accumulate = section.integer("accumulate", batch.accumulate, {1, 65'536});
    section.refuse_unknown();
    if (batch.sequences * batch.sequence_tokens > kStepTokensMax) {
        section.fail("sequences", fmt::format("times sequence_tokens is over {} tokens", kStepTokensMax));
    }
    return batch;
}

void read_data(const Json& json, TrainSpec& spec, SpecErrors& errors) {
    SpecSection section(json, "data", errors);
    for (auto& path : section.texts("train", {})) {
        spec.train.emplace_back(std::move(path));
    }
    for (auto& path : section.texts("heldout", {})) {
        spec.heldout.emplace_back(std::move(path));
    }
    section.refuse_unknown();
    if (spec.train.empty()) {
        section.fail("train", "must name at least one file");
    }
}

void read_duration(SpecSection& section, TrainSpec& spec) {
    spec.steps = section.integer("steps", spec.steps, {0, kStepsMax});
    spec.time_budget_s = section.number("time_budget_s", spec.time_budget_s, {0, kSecondsMax});
    spec.checkpoint_every_s = section.number("checkpoint_every_s", spec.checkpoint_every_s, {0, kSecondsMax});
    spec.report_every_s = section.number("report_every_s", spec.report_every_s, {0, kSecondsMax});
    spec.checkpoints_kept = section.integer("checkpoints_kept", spec.checkpoints_kept, {1, 1000});
    spec.eval_every_steps = section.integer("eval_every_steps", spec.eval_every_steps, {0, kStepsMax});
    spec.eval_sequences = section.integer("eval_sequences", spec.eval_sequences, {1, 1 << 20});
    if (spec.steps == 0 && spec.time_budget_s <= 0) {
        section.fail("steps", "is 0: give steps or time_budget_s");
    }
}

void check_together(SpecSection& section, const TrainSpec& spec) {
    if (spec.task == Task::kLora && spec.base_model.empty()) {
        section.fail("base_model", "is needed by the task 'lora'");
    }
    if (spec.task == Task::kPretrain && section.has("lora")) {
        section.fail("lora", "belongs to the task 'lora'");
    }
    if (!spec.base_model.empty() && section.has("model")) {
        section.fail("model", "comes from base_model; leave it out");
    }
    if (spec.base_model.empty() && spec.batch.sequence_tokens > spec.model.positions_max) {
        section.fail("batch", "sequence_tokens is over model.max_position_embeddings");
    }
}

}  // namespace

Result<TrainSpec> read_spec(const Json& json) {
    SpecErrors errors;
    if (!json.is_object()) {
        return Error{ErrorCode::kInvalid, "spec.json: must be a JSON object"};
    }
    SpecSection section(json, "", errors);
    TrainSpec spec;
    const auto task = section.text("task", "");
    if (task != "pretrain" && task != "lora") {
        section.fail("task", "must be 'pretrain' or 'lora'");
    }
    spec.task = task == "lora" ? Task::kLora : Task::kPretrain;
    spec.model = read_model(section.object("model"), errors);
    spec.lora = read_lora(section.object("lora"), errors);
    spec.optimizer = read_optimizer(section.object("optimizer"), spec.task, errors);
    spec.batch = read_batch(section.object("batch"), errors);
    read_data(section.object("data"), spec, errors);
    spec.tokenizer = section.text("tokenizer", "");
    spec.tokenizer_config = section.text("tokenizer_config", "");
    spec.base_model = section.text("base_model", "");
    read_duration(section, spec);
    spec.seed = static_cast<std::uint64_t>(section.integer("seed", 1, {0, INT64_MAX}));
    spec.threads = section.integer("threads", spec.threads, {1, 256});
    check_together(section, spec);
    section.refuse_unknown();
    if (errors.first()) {
        return *errors.first();
    }
    spec.fingerprint = sha256_hex(json.dump());
    return spec;
}

}  // namespace capstan::trainer
