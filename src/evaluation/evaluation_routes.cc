#include "evaluation/evaluation_routes.h"

#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::evaluation {
namespace {

Json summary_json(const Evaluation& evaluation) {
    Json targets = Json::array();
    const Json measured = evaluation.result ? (*evaluation.result)["targets"] : Json();
    for (std::size_t i = 0;
         evaluation.targets.as_array() != nullptr && i < evaluation.targets.as_array()->size();
         ++i) {
        Json target = (*evaluation.targets.as_array())[i];
        const bool has_metrics = measured.as_array() != nullptr && i < measured.as_array()->size();
        target.set("version_or_run", target.string_or("run_id", ""));
        target.set("metrics", has_metrics ? (*measured.as_array())[i]["metrics"] : Json::object());
        targets.push(std::move(target));
    }
    return Json::object(
        {{"id", evaluation.id},
         {"name", evaluation.name},
         {"state", evaluation.state},
         {"job_id", evaluation.job_id},
         {"targets", std::move(targets)},
         {"comparison", evaluation.result ? (*evaluation.result)["comparison"] : Json()},
         {"gate", evaluation.result ? (*evaluation.result)["gate"] : Json()},
         {"error", evaluation.error},
         {"created_at", rfc3339(evaluation.created_ms)},
         {"finished_at", evaluation.finished_ms ? Json(rfc3339(*evaluation.finished_ms)) : Json()}}
    );
}

Json detail_json(const Evaluation& evaluation) {
    Json json = summary_json(evaluation);
    json.set("samples", evaluation.result ? (*evaluation.result)["samples"] : Json::array());
    return json;
}

std::vector<RunTarget> targets_from(const Json& json) {
    std::vector<RunTarget> targets;
    for (std::size_t i = 0; json.as_array() != nullptr && i < json.as_array()->size(); ++i) {
        const Json& item = (*json.as_array())[i];
        targets.push_back({item.string_or("label", ""), item.string_or("run_id", "")});
    }
    return targets;
}

http::Response start(EvaluationService& evaluations, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto evaluation = evaluations.start(
        {.project_id = request.principal.project_id,
         .name = body->string_or("name", ""),
         .targets = targets_from((*body)["targets"]),
         .texts_commit_id = body->string_or("texts_commit_id", ""),
         .pairs_commit_id = body->string_or("pairs_commit_id", ""),
         .spec = body->contains("spec") ? (*body)["spec"] : Json::object(),
         .idempotency_key = body->string_or("idempotency_key", "")}
    );
    if (!evaluation) {
        return http::reply(evaluation.error());
    }
    Json json = detail_json(*evaluation);
    json.set("evaluation_id", evaluation->id);
    return http::reply(json, 202);
}

http::Response list_page(EvaluationService& evaluations, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = evaluations.list(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, detail_json, [](const Evaluation& row) {
        return row.id;
    }));
}

}  // namespace

void add_evaluation_routes(http::Router& router, EvaluationService& evaluations) {
    router.post("/api/v1/evaluations", "evaluations.write", [&evaluations](const http::Request& request) {
        return start(evaluations, request);
    });
    router.get("/api/v1/evaluations", "evaluations.read", [&evaluations](const http::Request& request) {
        return list_page(evaluations, request);
    });
    router.get("/api/v1/evaluations/{id}", "evaluations.read", [&evaluations](const http::Request& request) {
        const auto evaluation = evaluations.get(request.principal.project_id, request.param("id"));
        return evaluation ? http::reply(detail_json(*evaluation)) : http::reply(evaluation.error());
    });
}

}  // namespace capstan::evaluation
