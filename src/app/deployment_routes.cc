#include "app/deployment_routes.h"

#include <algorithm>

#include "app/comparison.h"
#include "app/deployment_view.h"
#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::app {
namespace {

using deployments::Deployment;

constexpr std::string_view kDefaultScore = "rouge_l";

std::string score_name(const http::Request& request) {
    const auto* name = request.query.find("score");
    return name != nullptr ? *name : std::string(kDefaultScore);
}

// The version that a target names, by its id, or by model and number.
Result<registry::Version> find_version(House& house, std::string_view project_id, const Json& target) {
    auto& models = house.registry().models();
    const std::string version_id = target.string_or("version_id", "");
    return version_id.empty() ? models.version_by_number(
                                    project_id, target.string_or("model", ""), target.int_or("number", 0)
                                )
                              : models.version(project_id, version_id);
}

// Nothing when the target does not say it.
Result<std::optional<deployments::Quantize>> read_quantize(const Json& target) {
    if (!target.contains("quantize")) {
        return std::optional<deployments::Quantize>();
    }
    const auto name = target.get_string("quantize");
    const auto quantize =
        name ? deployments::parse_quantize(*name) : Result<deployments::Quantize>(name.error());
    if (!quantize) {
        return quantize.error();
    }
    return std::optional(*quantize);
}

// Targets as callers give them.
Result<std::vector<deployments::Target>> targets_from(
    House& house, std::string_view project_id, const Json& json
) {
    std::vector<deployments::Target> targets;
    for (std::size_t i = 0; json.as_array() != nullptr && i < json.as_array()->size(); ++i) {
        const Json& item = (*json.as_array())[i];
        const auto version = find_version(house, project_id, item);
        const auto quantize = read_quantize(item);
        if (!version || !quantize) {
            return version ? quantize.error() : version.error();
        }
        targets.push_back(
            {.id = "",
             .label = item.string_or("label", ""),
             .version_id = version->id,
             .model = version->model,
             .number = version->number,
             .weight = item.int_or("weight", 0),
             .replicas_min = item.int_or("replicas_min", 1),
             .replicas_max =
                 item.int_or("replicas_max", std::max<std::int64_t>(1, item.int_or("replicas_min", 1))),
             .quantize = quantize->value_or(deployments::Quantize::kNone)}
        );
    }
    return targets;
}

// Shared by the handlers.
struct Context {
    House& house;
    const DeploymentKeeper& keeper;

    http::Response reply_with(
        const Result<Deployment>& deployment, const http::Request& request, int status = 200
    ) const {
        if (!deployment) {
            return http::reply(deployment.error());
        }
        return http::reply(DeploymentView(house, keeper, score_name(request)).json_of(*deployment), status);
    }

    deployments::DeploymentService& service() const { return house.deployments().deployments(); }
};

http::Response create(const Context& context, const http::Request& request) {
    const auto body = http::read_json(request);
    auto targets = body ? targets_from(context.house, request.principal.project_id, (*body)["targets"])
                        : Result<std::vector<deployments::Target>>(body.error());
    if (!targets) {
        return http::reply(targets.error());
    }
    auto made = context.service().create(
        {.project_id = request.principal.project_id,
         .name = body->string_or("name", ""),
         .targets = std::move(*targets),
         .by = request.principal.name}
    );
    return context.reply_with(made, request, 201);
}

http::Response list_page(const Context& context, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = context.service().list(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    DeploymentView view(context.house, context.keeper, score_name(request));
    const auto json_of = [&](const Deployment& deployment) { return view.json_of(deployment); };
    return http::reply(http::page_json(*rows, *page, json_of, [](const Deployment& row) { return row.id; }));
}

http::Response set_split(const Context& context, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    deployments::DeploymentService::SplitAsk ask{
        .name = request.param("name"), .weights = {}, .by = request.principal.name
    };
    const auto* targets = (*body)["targets"].as_array();
    for (std::size_t i = 0; targets != nullptr && i < targets->size(); ++i) {
        const auto weight = (*targets)[i].get_int("weight");
        if (!weight) {
            return http::reply(weight.error());
        }
        ask.weights[(*targets)[i].string_or("label", "")] = *weight;
    }
    if (ask.weights.empty()) {
        return http::reply(Error{ErrorCode::kInvalid, "'targets' must be a list of {\"label\", \"weight\"}"});
    }
    return context.reply_with(context.service().set_split(request.principal.project_id, ask), request);
}

http::Response scale(const Context& context, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto least = body->get_int("replicas_min");
    const auto most = body->get_int("replicas_max");
    if (!least || !most) {
        return http::reply(least ? most.error() : least.error());
    }
    const auto scaled = context.service().scale(
        request.principal.project_id,
        {.name = request.param("name"),
         .label = body->string_or("label", ""),
         .replicas_min = *least,
         .replicas_max = *most,
         .by = request.principal.name}
    );
    return context.reply_with(scaled, request);
}

http::Response update(const Context& context, const http::Request& request) {
    const auto body = http::read_json(request);
    const auto quantize =
        body ? read_quantize(*body) : Result<std::optional<deployments::Quantize>>(body.error());
    if (!quantize) {
        return http::reply(quantize.error());
    }
    deployments::DeploymentService::UpdateAsk ask{
        .name = request.param("name"),
        .label = body->string_or("label", ""),
        .version = {},
        .quantize = *quantize,
        .by = request.principal.name
    };
    if (body->contains("version_id") || body->contains("model") || body->contains("number")) {
        const auto version = find_version(context.house, request.principal.project_id, *body);
        if (!version) {
            return http::reply(version.error());
        }
        ask.version.emplace();
        ask.version->version_id = version->id;
        ask.version->model = version->model;
        ask.version->number = version->number;
    }
    return context.reply_with(context.service().update(request.principal.project_id, ask), request);
}

// The first target is the baseline, the last the challenger.
Result<Comparison> compare(const Context& context, const Deployment& deployment, const std::string& score) {
    const auto arm_of = [&](const deployments::Target& target) -> Result<Arm> {
        auto scores = context.house.observability().traces().score_values(
            {.project_id = deployment.project_id,
             .deployment = deployment.name,
             .target_id = target.id,
             .name = score}
        );
        if (!scores) {
            return scores.error();
        }
        return Arm{target.label, std::move(*scores)};
    };
    const auto baseline = arm_of(deployment.targets.front());
    const auto challenger = arm_of(deployment.targets.back());
    if (!baseline || !challenger) {
        return baseline ? challenger.error() : baseline.error();
    }
    return compare_arms(*baseline, *challenger);
}

http::Response comparison_reply(const Context& context, const http::Request& request) {
    const auto deployment = context.service().get(request.principal.project_id, request.param("name"));
    const auto compared = deployment ? compare(context, *deployment, score_name(request))
                                     : Result<Comparison>(deployment.error());
    return compared ? http::reply(to_json(*compared)) : http::reply(compared.error());
}

// With an outcome in the body: a person decides. Without: the comparison does.
http::Response decide(const Context& context, const http::Request& request) {
    const auto body = http::read_json(request);
    const auto deployment = body ? context.service().get(request.principal.project_id, request.param("name"))
                                 : Result<Deployment>(body.error());
    if (!deployment) {
        return http::reply(deployment.error());
    }
    deployments::DeploymentService::DecisionAsk ask{
        .name = deployment->name,
        .label = body->string_or("label", deployment->targets.back().label),
        .reason = body->string_or("reason", ""),
        .by = request.principal.name
    };
    const auto compared = compare(context, *deployment, body->string_or("score", kDefaultScore));
    if (compared) {
        ask.evidence = to_json(*compared);
    }
    if (body->contains("outcome")) {
        const auto outcome = deployments::parse_outcome(body->string_or("outcome", ""));
        if (!outcome) {
            return http::reply(outcome.error());
        }
        ask.outcome = *outcome;
    } else if (!compared && compared.error().code != ErrorCode::kInvalid) {
        return http::reply(compared.error());
    } else if (!compared) {
        // Too few answers to tell anything by: nothing changes, and the record says why.
        ask.outcome = deployments::Outcome::kKeep;
        ask.reason = compared.error().message;
    } else {
        ask.outcome = compared->outcome;
        ask.reason = compared->reason;
    }
    return context.reply_with(context.service().decide(request.principal.project_id, ask), request);
}

}  // namespace

void add_deployment_routes(House& house, const DeploymentKeeper& keeper) {
    const Context context{house, keeper};
    http::Router& router = house.router();
    router.post("/api/v1/deployments", "deployments.write", [context](const http::Request& request) {
        return create(context, request);
    });
    router.get("/api/v1/deployments", "deployments.read", [context](const http::Request& request) {
        return list_page(context, request);
    });
    router.get("/api/v1/deployments/{name}", "deployments.read", [context](const http::Request& request) {
        const auto found = context.service().get(request.principal.project_id, request.param("name"));
        return context.reply_with(found, request);
    });
    router.del("/api/v1/deployments/{name}", "deployments.write", [context](const http::Request& request) {
        const auto stopped = context.service().stop(
            request.principal.project_id, request.param("name"), request.principal.name
        );
        return context.reply_with(stopped, request);
    });
    router.put(
        "/api/v1/deployments/{name}/split",
        "deployments.write",
        [context](const http::Request& request) { return set_split(context, request); }
    );
    router.put(
        "/api/v1/deployments/{name}/scale",
        "deployments.write",
        [context](const http::Request& request) { return scale(context, request); }
    );
    router.put(
        "/api/v1/deployments/{name}/version",
        "deployments.write",
        [context](const http::Request& request) { return update(context, request); }
    );
    router.get(
        "/api/v1/deployments/{name}/comparison",
        "deployments.read",
        [context](const http::Request& request) { return comparison_reply(context, request); }
    );
    router.post(
        "/api/v1/deployments/{name}/decision",
        "deployments.write",
        [context](const http::Request& request) { return decide(context, request); }
    );
}

std::vector<cli::Command> deployment_commands() {
    using cli::Kind;
    using cli::Place;
    const cli::Parameter name{"name", "The deployment's name", Place::kPath, Kind::kText, true};
    return {
        {"deployment",
         "list",
         "List deployments",
         "GET",
         "/api/v1/deployments",
         {},
         {{"NAME", "name"}, {"STATE", "state"}, {"DECISION", "decision.outcome"}, {"CREATED", "created_at"}}},
        {"deployment",
         "show",
         "Show a deployment: targets, replicas, measures",
         "GET",
         "/api/v1/deployments/{name}",
         {name},
         {}},
        {"deployment",
         "create",
         "Put model versions behind a name",
         "POST",
         "/api/v1/deployments",
         {{"name", "What callers will name in `model`", Place::kBody, Kind::kText, true},
          {"targets",
           "JSON: [{\"label\", \"model\", \"number\", \"weight\"}], with \"quantize\": int8 or int4 if "
           "wanted; @FILE reads it from a file",
           Place::kBody,
           Kind::kJson,
           true}},
         {}},
        {"deployment",
         "split",
         "Change the shares of the targets",
         "PUT",
         "/api/v1/deployments/{name}/split",
         {name, {"targets", "JSON: [{\"label\", \"weight\"}]", Place::kBody, Kind::kJson, true}},
         {}},
        {"deployment",
         "scale",
         "Set how few and how many replicas a target may have; load decides between them",
         "PUT",
         "/api/v1/deployments/{name}/scale",
         {name,
          {"label", "The target's label", Place::kBody, Kind::kText, true},
          {"replicas_min", "0: none while nobody calls", Place::kBody, Kind::kInteger, true},
          {"replicas_max", "At least 1", Place::kBody, Kind::kInteger, true}},
         {}},
        {"deployment",
         "update",
         "Put another version behind a target's label, or round its weights otherwise, without a failed call",
         "PUT",
         "/api/v1/deployments/{name}/version",
         {name,
          {"label", "The target's label", Place::kBody, Kind::kText, true},
          {"model", "The version's model", Place::kBody, Kind::kText, true},
          {"number", "The version's number", Place::kBody, Kind::kInteger, true},
          {"quantize",
           "What engines round the weights to while loading: int8, int4 or none; stays when left out",
           Place::kBody}},
         {}},
        {"deployment",
         "compare",
         "Compare first and last target by a score",
         "GET",
         "/api/v1/deployments/{name}/comparison",
         {name, {"score", "The score; rouge_l when left out", Place::kQuery}},
         {}},
        {"deployment",
         "decide",
         "Promote, roll back or keep the last target; without an outcome the comparison decides",
         "POST",
         "/api/v1/deployments/{name}/decision",
         {name,
          {"outcome", "promote, roll_back or keep", Place::kBody},
          {"reason", "Why; needed with an outcome", Place::kBody}},
         {}},
        {"deployment",
         "stop",
         "Stop a deployment and its engines",
         "DELETE",
         "/api/v1/deployments/{name}",
         {name},
         {}},
    };
}

}  // namespace capstan::app
