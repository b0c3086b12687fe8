#include "app/loop_routes.h"

#include <optional>
#include <string>

#include <fmt/format.h>

#include "curation/curation_job.h"
#include "platform/http/json_reply.h"
#include "training/tokenizer_job.h"

namespace capstan::app {
namespace {

struct Stage {
    std::string id;
    std::string title;
    std::string state = "empty";
    std::string detail;
    std::optional<double> progress;
    Json numbers = Json::array();
    std::string link;
    std::optional<std::int64_t> updated_ms;
};

Json number_json(std::string name, double value, std::string unit) {
    return Json::object({{"name", std::move(name)}, {"value", value}, {"unit", std::move(unit)}});
}

Json to_json(const Stage& stage) {
    return Json::object(
        {{"id", stage.id},
         {"title", stage.title},
         {"state", stage.state},
         {"detail", stage.detail},
         {"progress", stage.progress},
         {"numbers", stage.numbers},
         {"link", stage.link.empty() ? Json() : Json(stage.link)},
         {"updated_at", stage.updated_ms ? Json(rfc3339(*stage.updated_ms)) : Json()}}
    );
}

// A job's state as a stage's.
std::string stage_state(jobs::JobState state) {
    switch (state) {
        case jobs::JobState::kQueued:
            return "queued";
        case jobs::JobState::kLeased:
        case jobs::JobState::kRunning:
            return "running";
        case jobs::JobState::kSucceeded:
            return "succeeded";
        case jobs::JobState::kCancelled:
            return "cancelled";
        default:
            return "failed";
    }
}

// Builds the stages for one project. Each reads what is newest of its kind; what cannot be read is an empty
// stage.
class Loop {
public:
    Loop(House& house, std::string project_id) : house_(house), project_id_(std::move(project_id)) {}

    Json json() {
        Json stages = Json::array();
        for (const Stage& stage :
             {curate(),
              tokenizer(),
              run_stage("pretrain", "Pretrain", "pretrain"),
              run_stage("adapt", "Adapt (LoRA)", "lora"),
              evaluate(),
              registered(),
              deployed(),
              used(),
              decided()}) {
            stages.push(to_json(stage));
        }
        return Json::object({{"stages", std::move(stages)}, {"lineage_example", example_}});
    }

private:
    std::optional<jobs::Job> newest_job(std::string_view kind) {
        const auto found =
            house_.jobs().list({.project_id = project_id_, .kind = std::string(kind), .rows_max = 1});
        return found && !found->empty() ? std::optional(found->front()) : std::nullopt;
    }

    static void fill_from_job(const jobs::Job& job, Stage& stage) {
        stage.state = stage_state(job.state);
        stage.updated_ms = job.finished_ms  ? job.finished_ms
                           : job.started_ms ? job.started_ms
                                            : job.created_ms;
        if (job.progress && !job.is_final()) {
            stage.detail = job.progress->message;
            if (job.progress->steps_total > 0) {
                stage.progress =
                    static_cast<double>(job.progress->step) / static_cast<double>(job.progress->steps_total);
            }
        }
        if (job.error) {
            stage.detail = *job.error;
        }
    }

    Stage curate() {
        Stage stage{.id = "curate", .title = "Curate"};
        if (const auto job = newest_job(curation::kCurationJob)) {
            fill_from_job(*job, stage);
        }
        const auto datasets = house_.data().datasets().list(project_id_, "", 20);
        for (std::size_t i = 0; datasets && i < datasets->size(); ++i) {
            const auto& [dataset, latest] = (*datasets)[i];
            if (!latest) {
                continue;
            }
            const bool is_text = dataset.kind == "text";
            stage.numbers.push(number_json(
                is_text ? "documents" : "question pairs", static_cast<double>(latest->records), ""
            ));
            if (is_text) {
                stage.link = "/datasets/" + dataset.id;
                stage.numbers.push(number_json("text", static_cast<double>(latest->bytes) / 1e6, "MB"));
                stage.detail = stage.state == "succeeded" ? fmt::format("{} documents kept", latest->records)
                                                          : stage.detail;
            }
        }
        return stage;
    }

    Stage tokenizer() {
        Stage stage{.id = "tokenizer", .title = "Tokenizer"};
        if (const auto job = newest_job(training::kTokenizerJob)) {
            fill_from_job(*job, stage);
        }
        const auto found = house_.registry().models().tokenizers(project_id_, "", 1);
        if (found && !found->empty()) {
            stage.numbers.push(
                number_json("vocabulary", static_cast<double>(found->front().vocabulary_size), "tokens")
            );
            stage.link = "/tokenizers";
            stage.detail = stage.state == "succeeded" ? "byte-level BPE" : stage.detail;
        }
        return stage;
    }

    Stage run_stage(std::string id, std::string title, const std::string& kind) {
        Stage stage{.id = std::move(id), .title = std::move(title)};
        const auto runs = house_.tracking().runs().list(
            {.project_id = project_id_, .kind = kind, .experiment_id = "", .cursor = "", .rows_max = 1}
        );
        if (!runs || runs->empty()) {
            return stage;
        }
        const tracking::Run& run = runs->front();
        stage.state = name_of(run.status);
        stage.link = "/runs/" + run.id;
        stage.updated_ms = run.ended_ms ? run.ended_ms : run.started_ms ? run.started_ms : run.created_ms;
        stage.detail = run.error.value_or("");
        if (run.job_id) {
            if (const auto job = house_.jobs().get(project_id_, *run.job_id); job && !job->is_final()) {
                fill_from_job(*job, stage);
            }
        }
        if (const auto detail = house_.tracking().runs().detail(project_id_, run.id)) {
            for (const auto& [metric, label, unit] :
                 {std::tuple("loss", "loss", ""),
                  std::tuple("heldout_loss", "held-out loss", ""),
                  std::tuple("tokens_per_second", "speed", "tokens/s"),
                  std::tuple("eta_s", "left", "s")}) {
                const auto value = detail->summary.find(metric);
                const bool is_over = stage.state != "running" && std::string_view(metric) == "eta_s";
                if (value != detail->summary.end() && !is_over) {
                    stage.numbers.push(number_json(label, value->second, unit));
                }
            }
        }
        return stage;
    }

    Stage evaluate() {
        Stage stage{.id = "evaluate", .title = "Evaluate"};
        const auto found = house_.evaluation().evaluations().list(project_id_, "", 1);
        if (!found || found->empty()) {
            return stage;
        }
        const evaluation::Evaluation& newest = found->front();
        stage.state = newest.state;
        stage.link = "/evaluations/" + newest.id;
        stage.updated_ms = newest.finished_ms ? newest.finished_ms : newest.created_ms;
        if (const auto job = house_.jobs().get(project_id_, newest.job_id); job && !job->is_final()) {
            fill_from_job(*job, stage);
        }
        if (newest.result) {
            const Json& comparison = (*newest.result)["comparison"];
            stage.detail = (*newest.result)["gate"].bool_or("passed", false) ? "the gate let it pass"
                                                                             : "the gate stopped it";
            stage.numbers.push(number_json("ROUGE-L difference", comparison.double_or("difference", 0), ""));
            stage.numbers.push(number_json("p", comparison.double_or("p_value", 1), ""));
        }
        return stage;
    }

    Stage registered() {
        Stage stage{.id = "register", .title = "Register"};
        const auto models = house_.registry().models().list(project_id_, "", 10);
        for (std::size_t i = 0; models && i < models->size(); ++i) {
            const registry::ModelDetail& model = (*models)[i];
            if (model.latest) {
                stage.state = "succeeded";
                stage.link = "/models/" + model.model.name;
                stage.updated_ms = model.latest->created_ms;
                stage.detail = fmt::format("{}/{}", model.model.name, model.latest->number);
                stage.numbers.push(number_json(
                    "versions of " + model.model.name, static_cast<double>(model.latest->number), ""
                ));
            }
        }
        return stage;
    }

    std::optional<deployments::Deployment> newest_deployment() {
        const auto found = house_.deployments().deployments().list(project_id_, "", 1);
        return found && !found->empty() ? std::optional(found->front()) : std::nullopt;
    }

    Stage deployed() {
        Stage stage{.id = "deploy", .title = "Deploy"};
        const auto deployment = newest_deployment();
        if (!deployment) {
            return stage;
        }
        const bool is_ready = deployment->state == deployments::DeploymentState::kReady;
        const bool is_starting = deployment->state == deployments::DeploymentState::kStarting;
        stage.state = is_ready ? "succeeded" : is_starting ? "running" : "failed";
        stage.link = "/deployments/" + deployment->name;
        stage.updated_ms = deployment->created_ms;
        stage.detail = fmt::format("'{}' is {}", deployment->name, name_of(deployment->state));
        for (const deployments::Target& target : deployment->targets) {
            stage.numbers.push(number_json(target.label, static_cast<double>(target.weight), "weight"));
        }
        return stage;
    }

    Stage used() {
        Stage stage{.id = "use", .title = "Use"};
        const auto traces = house_.observability().traces().list({.project_id = project_id_, .rows_max = 1});
        if (!traces || traces->empty()) {
            return stage;
        }
        const observability::Trace& newest = traces->front().trace;
        example_ = newest.id;
        stage.state = "succeeded";
        stage.link = "/traces";
        stage.updated_ms = newest.started_ms;
        if (const auto spent = house_.spend().spend().summary(project_id_, 3650)) {
            stage.detail = fmt::format("{} calls", spent->total.calls);
            stage.numbers.push(number_json("calls", static_cast<double>(spent->total.calls), ""));
            stage.numbers.push(
                number_json("completion tokens", static_cast<double>(spent->total.completion_tokens), "")
            );
            stage.numbers.push(
                number_json("cost", static_cast<double>(spent->total.cost_nano_usd) * 1e-9, "USD")
            );
        }
        return stage;
    }

    Stage decided() {
        Stage stage{.id = "decide", .title = "Decide"};
        const auto deployment = newest_deployment();
        if (!deployment || !deployment->decision) {
            return stage;
        }
        stage.state = "succeeded";
        stage.link = "/deployments/" + deployment->name;
        stage.updated_ms = deployment->decision->decided_ms;
        stage.detail = std::string(name_of(deployment->decision->outcome));
        if (const auto p = deployment->decision->evidence["p_value"].as_double()) {
            stage.numbers.push(number_json("p", *p, ""));
        }
        return stage;
    }

    House& house_;
    std::string project_id_;
    Json example_;
};

}  // namespace

void add_loop_routes(House& house) {
    house.router().get("/api/v1/loop", "loop.read", [&house](const http::Request& request) {
        return http::reply(Loop(house, request.principal.project_id).json());
    });
}

}  // namespace capstan::app
