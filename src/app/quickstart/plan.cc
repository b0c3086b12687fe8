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

Json model_shape(std::int64_t hidden, std::int64_t intermediate, std::int64_t layers) {
    return Json::object(
        {{"hidden_size", hidden},
         {"intermediate_size", intermediate},
         {"num_hidden_layers", layers},
         {"num_attention_heads", 4},
         {"num_key_value_heads", 2},
         {"max_position_embeddings", 1024}}
    );
}

void plan_ordinary(Plan& plan) {
    plan.pretrain = Json::object(
        {{"model", model_shape(256, 704, 4)},
         {"time_budget_s", 180},
         {"checkpoint_every_s", 20},
         {"optimizer", Json::object({{"learning_rate", 0.003}, {"warmup_steps", 50}})},
         {"batch", Json::object({{"sequences", 8}, {"sequence_tokens", 256}})}}
    );
    plan.adapt = Json::object(
        {{"time_budget_s", 45},
         {"checkpoint_every_s", 15},
         {"lora", Json::object({{"rank", 16}})},
         {"optimizer", Json::object({{"learning_rate", 0.003}})},
         {"batch", Json::object({{"sequences", 16}, {"sequence_tokens", 128}})}}
    );
    plan.evaluation =
        Json::object({{"documents_max", 100}, {"document_tokens_max", 256}, {"questions_max", 120}});
}

void plan_fast(Plan& plan) {
    plan.vocabulary_size = 2048;
    plan.pretrain = Json::object(
        {{"model", model_shape(128, 352, 3)},
         {"time_budget_s", 22},
         {"checkpoint_every_s", 10},
         {"optimizer", Json::object({{"learning_rate", 0.004}, {"warmup_steps", 20}})},
         {"batch", Json::object({{"sequences", 8}, {"sequence_tokens", 128}})}}
    );
    plan.adapt = Json::object(
        {{"time_budget_s", 12},
         {"checkpoint_every_s", 10},
         {"lora", Json::object({{"rank", 16}})},
         {"optimizer", Json::object({{"learning_rate", 0.004}})},
         {"batch", Json::object({{"sequences", 16}, {"sequence_tokens", 128}})}}
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
