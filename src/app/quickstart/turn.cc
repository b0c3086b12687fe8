#include "app/quickstart/turn.h"

#include <fmt/format.h>

#include "platform/http/url.h"

namespace capstan::app {
namespace {

// Progress as one short text: "1,200 of 3,000 steps, loss 3.21, 9,800 tokens/s, 42 s left".
std::string progress_text(const Json& progress) {
    std::string text = progress.string_or("message", "");
    const Json& metrics = progress["metrics"];
    const auto steps_total = progress.int_or("steps_total", 0);
    if (steps_total > 0) {
        text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", progress.int_or("step", 0), steps_total);
    }
    if (const auto loss = metrics["loss"].as_double()) {
        text += fmt::format(", loss {:.3f}", *loss);
    }
    if (const auto speed = metrics["tokens_per_second"].as_double()) {
        text += fmt::format(", {:.0f} tokens/s", *speed);
    }
    if (const auto left = metrics["eta_s"].as_double()) {
        text += fmt::format(", {:.0f} s left", *left);
    }
    return text;
}

bool is_final(const std::string& state) {
    return state == "succeeded" || state == "failed" || state == "cancelled" || state == "lost";
}

std::int64_t records_of(const Json& commit, std::string_view split) {
    const auto* splits = commit["splits"].as_array();
    for (std::size_t i = 0; splits != nullptr && i < splits->size(); ++i) {
        if ((*splits)[i].string_or("name", "") == split) {
            return (*splits)[i].int_or("records", 0);
        }
    }
    return 0;
}

}  // namespace

Result<Json> Turn::wait_for_job(const std::string& job_id) {
    std::int64_t version = -1;
    bool was_retried = false;
    while (true) {
        const auto job = api_.get(fmt::format(
            "/api/v1/jobs/{}?since_version={}&wait_ms=2000", job_id, std::max<std::int64_t>(version, 0)
        ));
        if (!job) {
            return job;
        }
        version = job->int_or("version", version);
        const std::string state = job->string_or("state", "");
        if (state == "succeeded") {
            return job;
        }
        if (is_final(state)) {
            if (was_retried) {
                return Error{
                    ErrorCode::kUnavailable,
                    fmt::format(
                        "job {} is {}: {}; 'capstan job output {}' shows what it said",
                        job_id,
                        state,
                        job->string_or("error", "no reason is known"),
                        job_id
                    )
                };
            }
            was_retried = true;
            if (auto retried = api_.call("POST", "/api/v1/jobs/" + job_id + "/retry", Json::object());
                !retried) {
                return retried;
            }
            continue;
        }
        console_.progress(state == "running" ? progress_text((*job)["progress"]) : state);
    }
}

Result<Json> Turn::find_dataset(const std::string& name) {
    const auto datasets = api_.get("/api/v1/datasets?limit=1000");
    if (!datasets) {
        return datasets;
    }
    const auto* items = (*datasets)["items"].as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        if ((*items)[i].string_or("name", "") == name) {
            return (*items)[i];
        }
    }
    return Error{ErrorCode::kNotFound, "no dataset " + name};
}

Result<void> Turn::curate() {
    console_.step("curate");
    const auto started = api_.call(
        "POST",
        "/api/v1/curations",
        Json::object({{"name", plan_.name}, {"spec", plan_.curation}, {"idempotency_key", key("curate")}})
    );
    const auto job = started ? wait_for_job(started->string_or("job_id", "")) : started;
    const auto texts = job ? find_dataset(plan_.name) : job;
    if (!texts) {
        return texts.error();
    }
    texts_commit_ = (*texts)["latest_commit"].string_or("id", "");
    if (const auto pairs = find_dataset(plan_.name + "-pairs")) {
        pairs_commit_ = (*pairs)["latest_commit"].string_or("id", "");
    }
    const auto commit = api_.get("/api/v1/dataset-commits/" + texts_commit_);
    if (!commit) {
        return commit.error();
    }
    console_.done(fmt::format(
        "{} documents to train on, {} held out, {:.1f} MB",
        records_of(*commit, "train"),
        records_of(*commit, "heldout"),
        static_cast<double>(commit->int_or("bytes", 0)) / 1e6
    ));
    if (pairs_commit_.empty()) {
        return Error{
            ErrorCode::kInvalid,
            "no questions can be made of this text: it has no document with two sentences"
        };
    }
    return {};
}

Result<void> Turn::train_tokenizer() {
    console_.step("tokenizer");
    const auto started = api_.call(
        "POST",
        "/api/v1/tokenizers",
        Json::object(
            {{"name", plan_.name},
             {"dataset_commit_id", texts_commit_},
             {"vocabulary_size", plan_.vocabulary_size},
             {"idempotency_key", key("tokenizer")}}
        )
    );
    const std::string job_id = started ? started->string_or("job_id", "") : "";
    const auto job = started ? wait_for_job(job_id) : started;
    const auto all = job ? api_.get("/api/v1/tokenizers?limit=1000") : job;
    if (!all) {
        return all.error();
    }
    const auto* items = (*all)["items"].as_array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        if ((*items)[i].string_or("job_id", "") == job_id) {
            tokenizer_id_ = (*items)[i].string_or("id", "");
        }
    }
    console_.done(fmt::format("{} tokens, byte-level BPE", (*job)["result"].int_or("vocabulary_size", 0)));
    return {};
}

Result<Json> Turn::start_run(const Json& body, std::string& run_id) {
    const auto started = api_.call("POST", "/api/v1/training-runs", body);
    if (!started) {
        return started;
    }
    run_id = started->string_or("run_id", "");
    return wait_for_job(started->string_or("job_id", ""));
}

Result<void> Turn::pretrain() {
    console_.step("pretrain");
    const auto job = start_run(
        Json::object(
            {{"name", plan_.name + " base"},
             {"task", "pretrain"},
             {"dataset_commit_id", texts_commit_},
             {"tokenizer_id", tokenizer_id_},
             {"spec", plan_.pretrain},
             {"idempotency_key", key("pretrain")}}
        ),
        base_run_
    );
    if (!job) {
        return job.error();
    }
    const Json& result = (*job)["result"];
    console_.done(fmt::format(
        "{:.1f} M parameters, {} steps, {:.1f} M tokens, held-out loss {:.3f}",
        static_cast<double>(result.int_or("parameters", 0)) / 1e6,
        result.int_or("steps", 0),
        static_cast<double>(result.int_or("tokens", 0)) / 1e6,
        result.double_or("heldout_loss", result.double_or("final_loss", 0))
    ));
    return {};
}

Result<void> Turn::adapt() {
    console_.step("adapt");
    const auto job = start_run(
        Json::object(
            {{"name", plan_.name + " adapted"},
             {"task", "lora"},
             {"dataset_commit_id", pairs_commit_},
             {"base_run_id", base_run_},
             {"spec", plan_.adapt},
             {"idempotency_key", key("adapt")}}
        ),
        adapted_run_
    );
    if (!job) {
        return job.error();
    }
    const Json& result = (*job)["result"];
    console_.done(fmt::format(
        "LoRA, {} steps, held-out loss {:.3f}",
        result.int_or("steps", 0),
        result.double_or("heldout_loss", result.double_or("final_loss", 0))
    ));
    return {};
}

Result<void> Turn::evaluate() {
    console_.step("evaluate");
    const auto started = api_.call(
        "POST",
        "/api/v1/evaluations",
        Json::object(
            {{"name", plan_.name},
             {"targets",
              Json::array(
                  {Json::object({{"label", "base"}, {"run_id", base_run_}}),
                   Json::object({{"label", "adapted"}, {"run_id", adapted_run_}})}
              )},
             {"texts_commit_id", texts_commit_},
             {"pairs_commit_id", pairs_commit_},
             {"spec", plan_.evaluation},
             {"idempotency_key", key("evaluate")}}
        )
    );
    const auto job = started ? wait_for_job(started->string_or("job_id", "")) : started;
    auto evaluation = job ? api_.get("/api/v1/evaluations/" + started->string_or("id", "")) : job;
    if (!evaluation) {
        return evaluation.error();
    }
    evaluation_ = std::move(*evaluation);
    const Json& comparison = evaluation_["comparison"];
    console_.done(fmt::format(
        "ROUGE-L {:+.3f} [{:+.3f}, {:+.3f}], p = {:.4f}: the gate {}",
        comparison.double_or("difference", 0),
        comparison.double_or("low", 0),
        comparison.double_or("high", 0),
        comparison.double_or("p_value", 1),
        evaluation_["gate"].bool_or("passed", false) ? "lets it pass" : "does not let it pass"
    ));
    return {};
}

Result<void> Turn::register_run(
    const std::string& run_id, const std::string& base_version_id, Json& version
) {
    Json body = Json::object({{"run_id", run_id}});
    if (!base_version_id.empty()) {
        body.set("base_version_id", base_version_id);
    }
    auto made = api_.call("POST", "/api/v1/models/" + plan_.name + "/versions", body);
    if (!made) {
        return made.error();
    }
    version = std::move(*made);
    return {};
}

Result<void> Turn::register_models() {
    console_.step("register");
    if (auto registered = register_run(base_run_, "", base_version_); !registered) {
        return registered;
    }
    if (auto registered = register_run(adapted_run_, base_version_.string_or("id", ""), adapted_version_);
        !registered) {
        return registered;
    }
    const bool passed = evaluation_["gate"].bool_or("passed", false);
    for (const auto& [version, status] : {std::pair(&base_version_, true), {&adapted_version_, passed}}) {
        const auto set = api_.call(
            "PATCH",
            fmt::format("/api/v1/models/{}/versions/{}", plan_.name, version->int_or("number", 0)),
            Json::object({{"status", status ? "approved" : "rejected"}})
        );
        if (!set) {
            return set.error();
        }
    }
    console_.done(fmt::format(
        "{0}/{1} base, {0}/{2} adapted ({3})",
        plan_.name,
        base_version_.int_or("number", 0),
        adapted_version_.int_or("number", 0),
        passed ? "approved" : "rejected by the gate"
    ));
    return {};
}

Result<void> Turn::run() {
    using Step = Result<void> (Turn::*)();
    for (const Step step :
         {&Turn::curate,
          &Turn::train_tokenizer,
          &Turn::pretrain,
          &Turn::adapt,
          &Turn::evaluate,
          &Turn::register_models,
          &Turn::deploy,
          &Turn::use,
          &Turn::decide,
          &Turn::show}) {
        if (auto done = (this->*step)(); !done) {
            console_.line("");
            return done;
        }
    }
    return {};
}

}  // namespace capstan::app
