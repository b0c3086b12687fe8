// The second half of a turn: deployed, used, decided, shown.

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "app/quickstart/questions.h"
#include "app/quickstart/turn.h"
#include "platform/cli/table.h"

namespace capstan::app {
namespace {

constexpr auto kReadyWait = std::chrono::seconds(90);
constexpr auto kReadyPoll = std::chrono::milliseconds(200);
constexpr auto kRecordedWait = std::chrono::seconds(20);
constexpr double kPromptUsdPerMillion = 0.05;
constexpr double kCompletionUsdPerMillion = 0.1;

Json target_json(std::string_view label, const Json& version, int weight) {
    return Json::object({{"label", label}, {"version_id", version["id"]}, {"weight", weight}});
}

std::int64_t requests_of(const Json& deployment) {
    std::int64_t sum = 0;
    const auto* targets = deployment["targets"].as_array();
    for (std::size_t i = 0; targets != nullptr && i < targets->size(); ++i) {
        sum += (*targets)[i]["stats"].int_or("requests", 0);
    }
    return sum;
}

}  // namespace

Result<void> Turn::deploy() {
    console_.step("deploy");
    const auto priced = api_.call(
        "PUT",
        "/api/v1/spend/prices/" + plan_.name,
        Json::object(
            {{"prompt_usd_per_million", kPromptUsdPerMillion},
             {"completion_usd_per_million", kCompletionUsdPerMillion}}
        )
    );
    if (!priced) {
        return priced.error();
    }
    auto created = api_.call(
        "POST",
        "/api/v1/deployments",
        Json::object(
            {{"name", plan_.name},
             {"targets",
              Json::array(
                  {target_json("base", base_version_, 90), target_json("adapted", adapted_version_, 10)}
              )}}
        )
    );
    const auto deadline = std::chrono::steady_clock::now() + kReadyWait;
    while (created && created->string_or("state", "") != "ready") {
        if (std::chrono::steady_clock::now() > deadline) {
            return Error{
                ErrorCode::kUnavailable,
                fmt::format("the engines did not come up: {}", (*created)["targets"].dump())
            };
        }
        console_.progress("starting the engines");
        std::this_thread::sleep_for(kReadyPoll);
        created = api_.get("/api/v1/deployments/" + plan_.name);
    }
    if (!created) {
        return created.error();
    }
    deployment_ = std::move(*created);
    console_.done(fmt::format("'{}': base 90 / adapted 10, two engines", plan_.name));
    return {};
}

Result<void> Turn::use() {
    console_.step("use");
    const auto asked = ask_questions(
        api_,
        {.deployment = plan_.name,
         .pairs_commit_id = pairs_commit_,
         .questions = plan_.questions,
         .at_a_time = plan_.questions_at_a_time,
         .answer_tokens_max = plan_.answer_tokens_max,
         .key = key("use"),
         .state_file = home_ / "quickstart" / (plan_.profile + ".json")},
        [this](const std::string& text) { console_.progress(text); }
    );
    if (!asked) {
        return asked.error();
    }
    example_response_ = asked->example_response;
    // The calls are in the event log; their traces follow.
    const auto deadline = std::chrono::steady_clock::now() + kRecordedWait;
    auto deployment = api_.get("/api/v1/deployments/" + plan_.name);
    while (deployment && requests_of(*deployment) < asked->asked &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kReadyPoll);
        deployment = api_.get("/api/v1/deployments/" + plan_.name);
    }
    if (!deployment) {
        return deployment.error();
    }
    deployment_ = std::move(*deployment);
    console_.done(fmt::format("{} questions, streamed, scored and given as feedback", asked->asked));
    return {};
}

Result<void> Turn::decide() {
    console_.step("decide");
    // A decision that was made stands: the turn may have been interrupted after it.
    auto decided = deployment_["decision"].is_null()
                       ? api_.call("POST", "/api/v1/deployments/" + plan_.name + "/decision", Json::object())
                       : Result<Json>(deployment_);
    if (!decided) {
        return decided.error();
    }
    deployment_ = std::move(*decided);
    const Json& decision = deployment_["decision"];
    console_.done(decision.string_or("outcome", ""));
    console_.line("        " + decision.string_or("reason", ""));
    if (decision.string_or("outcome", "") == "promote") {
        const auto aliased = api_.call(
            "PUT",
            fmt::format("/api/v1/models/{}/aliases/champion", plan_.name),
            Json::object({{"number", adapted_version_.int_or("number", 0)}})
        );
        if (!aliased) {
            return aliased.error();
        }
    }
    return {};
}

Result<void> Turn::show() {
    console_.step("show");
    console_.done(fmt::format("the turn took {:.0f} s", console_.total_s()));
    console_.line("");
    console_.line(cli::render_table(
        *deployment_["targets"].as_array(),
        {{"ARM", "label"},
         {"MODEL", "model"},
         {"VERSION", "number"},
         {"WEIGHT NOW", "weight"},
         {"CALLS", "stats.requests"},
         {"TTFT P50 MS", "stats.ttft_ms_p50"},
         {"TTFT P95 MS", "stats.ttft_ms_p95"},
         {"TOKENS/S", "stats.tokens_per_second"},
         {"USD", "stats.cost_usd"},
         {"ROUGE-L", "stats.score_mean"}}
    ));
    console_.line("Where an answer came from:");
    console_.line("    capstan lineage show " + example_response_);
    console_.line("The web page, and the key to log in with:");
    console_.line("    " + api_.url() + "/");
    console_.line("    " + api_.key());
    return {};
}

}  // namespace capstan::app
