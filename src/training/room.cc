#include "training/room.h"

namespace capstan::training {

std::vector<cli::Command> Room::commands() {
    using cli::Kind;
    using cli::Place;
    return {
        {"tokenizer",
         "train",
         "Train a tokenizer on a dataset commit, as a job",
         "POST",
         "/api/v1/tokenizers",
         {{"name", "The tokenizer's name", Place::kBody, Kind::kText, true},
          {"dataset_commit_id", "The commit", Place::kBody, Kind::kText, true},
          {"vocabulary_size", "300 to 1000000; 4096 when left out", Place::kBody, Kind::kInteger}},
         {}},
        {"run",
         "train",
         "Train a model or an adapter, as a job",
         "POST",
         "/api/v1/training-runs",
         {{"name", "The run's name", Place::kBody, Kind::kText, true},
          {"task", "pretrain or lora", Place::kBody, Kind::kText, true},
          {"dataset_commit_id", "The commit", Place::kBody, Kind::kText, true},
          {"tokenizer_id", "For pretrain", Place::kBody},
          {"base_run_id", "For lora: the run whose model is adapted", Place::kBody},
          {"spec",
           "JSON of the trainer's settings (src/trainer/README.md); @FILE reads it from a file",
           Place::kBody,
           Kind::kJson}},
         {}},
        {"model",
         "register",
         "Register what a run made as the next version of a model",
         "POST",
         "/api/v1/models/{name}/versions",
         {{"name", "The model's name", Place::kPath, Kind::kText, true},
          {"run_id", "The run", Place::kBody, Kind::kText, true},
          {"base_version_id", "Of an adapter: the version that it adapts", Place::kBody}},
         {}},
    };
}

}  // namespace capstan::training
