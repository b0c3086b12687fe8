#pragma once

// What a training job is asked to do: spec.json of its job directory, read with limits and defaults.
// README.md lists the keys. Needs no libtorch: the room `training` may check a specification before it starts
// a job.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "trainer/model_shape.h"

namespace capstan::trainer {

enum class Task { kPretrain, kLora };
enum class Schedule { kCosine, kConstant };

struct LoraSettings {
    std::int64_t rank = 8;
    double alpha = 16;
    double dropout = 0;
    bool rank_stabilised = false;  // Scales by alpha / sqrt(rank) instead of alpha / rank.
    std::vector<std::string> targets{
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
    };
};

struct OptimizerSettings {
    double learning_rate = 3e-3;
    double weight_decay = 0.1;
    double beta1 = 0.9;
    double beta2 = 0.95;
    double eps = 1e-8;
    double clip_norm = 1;  // Of the whole gradient; 0: no clipping.
    std::int64_t warmup_steps = 20;
    Schedule schedule = Schedule::kCosine;
    double final_fraction = 0.1;  // Of the learning rate, where the cosine ends.
};

struct BatchSettings {
    std::int64_t sequences = 8;
    std::int64_t sequence_tokens = 256;
    std::int64_t accumulate = 1;  // Batches of `sequences` that make one step.
};

struct TrainSpec {
    Task task = Task::kPretrain;
    ModelShape model;                 // Of a pretraining without a base model.
    std::filesystem::path tokenizer;  // tokenizer.json; empty: the base model's, or none (token records).
    std::filesystem::path tokenizer_config;
    std::vector<std::filesystem::path> train;
    std::vector<std::filesystem::path> heldout;
    std::filesystem::path base_model;  // Hugging Face folder to start from.
    LoraSettings lora;
    OptimizerSettings optimizer;
    BatchSettings batch;
    std::int64_t steps = 0;    // 0: as many as fit time_budget_s.
    double time_budget_s = 0;  // For training and held-out losses, over all starts of the job.
    double checkpoint_every_s = 30;
    std::int64_t checkpoints_kept = 2;
    double report_every_s = 0.25;
    std::int64_t eval_every_steps = 0;  // 0: about ten times in the run. The end is always evaluated.
    std::int64_t eval_sequences = 64;   // At most so many held-out sequences an evaluation.
    std::uint64_t seed = 1;
    std::int64_t threads = 2;
    std::string fingerprint;  // Of all that decides the loss curve; threads included.
};

// kInvalid, naming the key, for what is missing, unknown, of another type or out of range.
Result<TrainSpec> read_spec(const Json& json);

}  // namespace capstan::trainer
