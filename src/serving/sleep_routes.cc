#include "serving/sleep_routes.h"

#include <string_view>
#include <utility>

#include "platform/http/json_reply.h"
#include "serving/openai_reply.h"

namespace capstan::serving {
namespace {

void refuse(const SleepRoutes& routes, bool must_refuse) {
    if (routes.refuse_calls) {
        routes.refuse_calls(must_refuse);
    }
}

http::Response sleep(const SleepRoutes& routes, const http::Request& request) {
    const std::string_view level = request.query.get("level");
    if (!level.empty() && level != "1" && level != "2") {
        return openai_error_response({ErrorCode::kInvalid, "'level' must be 1 or 2"});
    }
    refuse(routes, true);
    routes.sleeper.sleep();
    return {};
}

http::Response wake_up(const SleepRoutes& routes) {
    if (auto awake = routes.sleeper.wake(); !awake) {
        return openai_error_response(awake.error());
    }
    refuse(routes, false);
    return {};
}

}  // namespace

void add_sleep_routes(http::Router& router, SleepRoutes routes) {
    router.post("/sleep", http::kPublic, [routes](const http::Request& request) {
        return sleep(routes, request);
    });
    router.post("/wake_up", http::kPublic, [routes](const http::Request&) { return wake_up(routes); });
    router.get("/is_sleeping", http::kPublic, [routes](const http::Request&) {
        return http::reply(Json::object({{"is_sleeping", routes.sleeper.is_asleep()}}));
    });
}

}  // namespace capstan::serving
