#include "serving/engine_routes.h"

#include <string>
#include <utility>

#include "platform/http/json_reply.h"
#include "platform/http/stream.h"
#include "serving/engine_call.h"
#include "serving/openai_reply.h"

namespace capstan::serving {
namespace {

constexpr std::uint64_t kBodyBytesMax = std::uint64_t{32} << 20;  // Many prompts as token ids are long.

Json model_json(const ServedModel& served, const std::string& name) {
    Json json = Json::object({{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "capstan"}});
    json.set("root", served.name());
    json.set("parent", name == served.name() ? Json() : Json(served.name()));
    json.set("max_model_len", served.context_tokens() > 0 ? Json(served.context_tokens()) : Json());
    return json;
}

void add_call_route(http::Router& router, std::string_view path, llm::CallKind kind, ServedModel& served) {
    http::Route route{
        .method = "POST", .pattern = std::string(path), .permission = std::string(http::kPublic)
    };
    route.options.body_bytes_max = kBodyBytesMax;
    http::add_stream(
        router,
        std::move(route),
        [&served, kind](const http::Request& request, http::StreamWriter& writer) -> http::Task<void> {
            // The frame of this call, and so the EngineCall, lives until run() is done.
            return [](EngineCall::Parts parts) -> http::Task<void> {
                EngineCall call(parts);
                co_await call.run();
            }({.served = served, .request = request, .writer = writer, .kind = kind});
        }
    );
}

}  // namespace

void add_engine_routes(http::Router& router, ServedModel& served) {
    router.get("/v1/models", http::kPublic, [&served](const http::Request&) {
        Json data = Json::array({model_json(served, served.name())});
        for (const std::string& name : served.adapter_names()) {
            data.push(model_json(served, name));
        }
        return http::reply(Json::object({{"object", "list"}, {"data", std::move(data)}}));
    });
    router.get("/v1/models/{model...}", http::kPublic, [&served](const http::Request& request) {
        const auto found = served.adapter_of(request.param("model"));
        return found ? http::reply(model_json(served, request.param("model")))
                     : openai_error_response(found.error());
    });
    add_call_route(router, "/v1/chat/completions", llm::CallKind::kChat, served);
    add_call_route(router, "/v1/completions", llm::CallKind::kCompletion, served);
}

}  // namespace capstan::serving
