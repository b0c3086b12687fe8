#include "spend/spend_routes.h"

#include <cmath>

#include "platform/http/json_reply.h"

namespace capstan::spend {
namespace {

constexpr double kNano = 1e-9;
// USD a million tokens, in nano-dollars a token.
constexpr double kNanoUsdPerTokenOfUsdPerMillion = 1000;

Json line_json(const SpendLine& line) {
    return Json::object(
        {{"name", line.name},
         {"calls", line.calls},
         {"prompt_tokens", line.prompt_tokens},
         {"completion_tokens", line.completion_tokens},
         {"cost_usd", static_cast<double>(line.cost_nano_usd) * kNano}}
    );
}

Json lines_json(const std::vector<SpendLine>& lines) {
    Json json = Json::array();
    for (const SpendLine& line : lines) {
        json.push(line_json(line));
    }
    return json;
}

Json price_json(const Price& price) {
    const auto per_million = [](std::int64_t nano_usd) {
        return static_cast<double>(nano_usd) / kNanoUsdPerTokenOfUsdPerMillion;
    };
    return Json::object(
        {{"model", price.model},
         {"prompt_usd_per_million", per_million(price.prompt_nano_usd_per_token)},
         {"completion_usd_per_million", per_million(price.completion_nano_usd_per_token)}}
    );
}

// Nothing when the member is no price that whole nano-dollars a token can hold.
Result<std::int64_t> read_price(const Json& body, std::string_view name) {
    const auto usd = body.get_double(name);
    if (!usd) {
        return usd.error();
    }
    const double nano_usd = *usd * kNanoUsdPerTokenOfUsdPerMillion;
    if (!(std::abs(nano_usd) < 1e15) || std::abs(nano_usd - std::round(nano_usd)) > 1e-6) {
        return Error{
            ErrorCode::kInvalid,
            "'" + std::string(name) + "' must be a multiple of 0.001 USD a million tokens"
        };
    }
    return std::llround(nano_usd);
}

http::Response set_price(SpendService& spend, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto prompt = read_price(*body, "prompt_usd_per_million");
    const auto completion = read_price(*body, "completion_usd_per_million");
    if (!prompt || !completion) {
        return http::reply(prompt ? completion.error() : prompt.error());
    }
    const Price price{request.principal.project_id, request.param("model"), *prompt, *completion};
    const auto set = spend.set_price(price);
    return set ? http::reply(price_json(price)) : http::reply(set.error());
}

http::Response summary_reply(SpendService& spend, const http::Request& request) {
    const auto days = request.query.get_int("days", 30);
    if (!days) {
        return http::reply(days.error());
    }
    const auto bounded = static_cast<int>(std::min<std::int64_t>(std::max<std::int64_t>(*days, 0), 100'000));
    const auto summary = spend.summary(request.principal.project_id, bounded);
    if (!summary) {
        return http::reply(summary.error());
    }
    return http::reply(Json::object(
        {{"total_usd", static_cast<double>(summary->total.cost_nano_usd) * kNano},
         {"total", line_json(summary->total)},
         {"by_deployment", lines_json(summary->by_deployment)},
         {"by_key", lines_json(summary->by_key)}}
    ));
}

}  // namespace

void add_spend_routes(http::Router& router, SpendService& spend) {
    router.get("/api/v1/spend/summary", "spend.read", [&spend](const http::Request& request) {
        return summary_reply(spend, request);
    });
    router.get("/api/v1/spend/prices", "spend.read", [&spend](const http::Request& request) {
        Json items = Json::array();
        for (const Price& price : spend.prices(request.principal.project_id)) {
            items.push(price_json(price));
        }
        return http::reply(Json::object({{"items", std::move(items)}, {"next_cursor", nullptr}}));
    });
    router.put("/api/v1/spend/prices/{model}", "spend.write", [&spend](const http::Request& request) {
        return set_price(spend, request);
    });
}

}  // namespace capstan::spend
