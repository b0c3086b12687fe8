#include "app/quickstart/plan.h"

#include "base/hash.h"

namespace capstan::app {
namespace {

Json sources(const QuickstartOptions& options) {
    if (!options.from.empty()) {
        const auto path = std::filesystem::absolute(options.from).lexically_normal().string();
        return Json::array({Json::object({{"type", "path"}, {"path", path}})});
    }
    Json source = Json::object({{"type", "manpages"}});
    if (options.fast) {
        source.set("pages_max", 700);
    }
    return Json::array({std::move(source)});
}

// Two heads of 64 that share their keys and values: what src/trainer/README.md found best for minutes on two
// cores.
Json model_shape(std::int64_t layers) {
    return Json::object(
        {{"hidden_size", 128},
         {"intermediate_size", 352},
         {"num_hidden_layers", layers},
         {"num_attention_heads", 2},
         {"num_key_value_heads", 1},
         {"max_position_embeddings", 1024}}
    );
}

struct Minutes {
    std::int64_t layers;
    std::int64_t sequence_tokens;
    int pretrain_s;
    int adapt_s;
    int warmup_steps;
};

// Small batches: in so little time it is steps that are scarce.
void plan_training(Plan& plan, const Minutes& minutes) {
    plan.pretrain = Json::object(
        {{"model", model_shape(minutes.layers)},
         {"time_budget_s", minutes.pretrain_s},
         {"checkpoint_every_s", 10},
         {"optimizer", Json::object({{"learning_rate", 0.005}, {"warmup_steps", minutes.warmup_steps}})},
         {"batch", Json::object({{"sequences", 2}, {"sequence_tokens", minutes.sequence_tokens}})}}
    );
    plan.adapt = Json::object(
        {{"time_budget_s", minutes.adapt_s},
         {"checkpoint_every_s", 10},
         {"lora", Json::object({{"rank", 16}})},
         {"optimizer", Json::object({{"learning_rate", 0.003}})},
         {"batch", Json::object({{"sequences", 4}, {"sequence_tokens", 128}})}}
    );
}

void plan_ordinary(Plan& plan) {
    plan_training(
        plan, {.layers = 4, .sequence_tokens = 256, .pretrain_s = 180, .adapt_s = 45, .warmup_steps = 100}
    );
    plan.evaluation =
        Json::object({{"documents_max", 100}, {"document_tokens_max", 256}, {"questions_max", 120}});
}

void plan_fast(Plan& plan) {
    plan.vocabulary_size = 2048;
    plan_training(
        plan, {.layers = 3, .sequence_tokens = 128, .pretrain_s = 28, .adapt_s = 15, .warmup_steps = 30}
    );
    plan.evaluation =
        Json::object({{"documents_max", 20}, {"document_tokens_max", 128}, {"questions_max", 40}});
    plan.questions = 120;
    plan.answer_tokens_max = 32;
}

}  // namespace

Plan plan_for(const QuickstartOptions& options) {
    Plan plan;
    plan.name = options.from.empty() ? "man" : "own-text";
    plan.curation = Json::object({{"sources", sources(options)}});
    if (options.fast) {
        plan_fast(plan);
    } else {
        plan_ordinary(plan);
    }
    // A small corpus holds more back, so that there are questions enough to compare the arms by.
    plan.curation.set("heldout_fraction", options.fast ? 0.15 : options.from.empty() ? 0.05 : 0.1);
    const std::string pages = plan.curation.dump();
    plan.profile = (options.fast ? "fast-" : "full-") + sha256_hex(pages).substr(0, 8);
    if (options.fast) {
        plan.name += "-fast";
    }
    plan.evaluation.set("answer_tokens_max", plan.answer_tokens_max);
    // A small model that learns to answer forgets some of the pages: the gate allows for that, within bounds.
    plan.evaluation.set("gate", Json::object({{"perplexity_ratio_max", 4.0}}));
    plan.evaluation.set("threads", 1);  // A model of this size is done before a second thread has woken up.
    return plan;
}

}  // namespace capstan::app
