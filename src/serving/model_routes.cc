#include "serving/model_routes.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/file.h"
#include "llm/openai_wire.h"
#include "platform/http/json_reply.h"
#include "serving/openai_reply.h"
#include "serving/sleep_routes.h"

namespace capstan::serving {
namespace {

constexpr std::size_t kTokensMax = std::size_t{1} << 20;
constexpr std::int64_t kDrainMs = 10'000;  // What runs when an engine is put to sleep has so long to end.
constexpr auto kDrainPoll = std::chrono::milliseconds(5);

using Answer = Result<Json>;

http::Response respond(const Answer& answer) {
    return answer ? http::reply(*answer) : openai_error_response(answer.error());
}

// A route whose request is a JSON object.
void add_post(http::Router& router, std::string_view path, std::function<Answer(const Json&)> handler) {
    router.post(path, http::kPublic, [handler = std::move(handler)](const http::Request& request) {
        const auto body = http::read_json(request);
        return respond(body ? handler(*body) : Answer(body.error()));
    });
}

Answer tokenize(const ModelRoutes& routes, const Json& body) {
    std::vector<llm::TokenId> tokens;
    if (const auto* text = body["prompt"].as_string()) {
        const bool has_special = body.bool_or("add_special_tokens", true);
        tokens = routes.model.tokenizer().encode(*text, {.add_special_tokens = has_special});
    } else if (body.contains("messages")) {
        Json chat = body;
        chat.set("model", routes.served.name());
        const auto call = llm::parse_chat_call(chat);
        auto encoded = call ? routes.model.prompt_encoder().encode(call->request)
                            : Result<std::vector<llm::TokenId>>(call.error());
        if (!encoded) {
            return encoded.error();
        }
        tokens = std::move(*encoded);
    } else {
        return Error{ErrorCode::kInvalid, "'prompt' must be a text, or 'messages' a conversation"};
    }
    Json names;
    if (body.bool_or("return_token_strs", false)) {
        names = Json::array();
        for (const llm::TokenId token : tokens) {
            names.push(routes.model.tokenizer().token_of(token));
        }
    }
    return Json::object(
        {{"count", tokens.size()},
         {"max_model_len", routes.model.context_tokens()},
         {"tokens", Json::array_of(tokens)},
         {"token_strs", std::move(names)}}
    );
}

Answer detokenize(const ModelRoutes& routes, const Json& body) {
    const auto* items = body["tokens"].as_array();
    std::vector<llm::TokenId> tokens;
    for (std::size_t i = 0; items != nullptr && i < std::min(items->size(), kTokensMax); ++i) {
        const auto id = (*items)[i].as_int();
        if (id && *id >= 0 && *id < routes.model.config().vocabulary) {
            tokens.push_back(static_cast<llm::TokenId>(*id));
        }
    }
    if (items == nullptr || tokens.size() != items->size()) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("'tokens' must be a list of ids below {}", routes.model.config().vocabulary)
        };
    }
    return Json::object({{"prompt", routes.model.tokenizer().decode(tokens, false)}});
}

// tokenizer_config.json, with special tokens as texts, and those that it leaves out.
Json tokenizer_info(const ModelRoutes& routes) {
    Json info = Json::object();
    if (const auto text = read_file(routes.folder / "tokenizer_config.json")) {
        if (auto parsed = parse_json(*text); parsed && parsed->is_object()) {
            info = std::move(*parsed);
        }
    }
    for (const char* name : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
        if (const auto* content = info[name]["content"].as_string()) {
            info.set(name, std::string(*content));
        }
    }
    const auto& config = routes.model.config();
    const auto& tokenizer = routes.model.tokenizer();
    if (!info["eos_token"].is_string() && !config.end_tokens.empty()) {
        info.set("eos_token", tokenizer.token_of(config.end_tokens.front()));
    }
    if (!info["bos_token"].is_string() && config.bos) {
        info.set("bos_token", tokenizer.token_of(*config.bos));
    }
    if (!info.contains("tokenizer_class")) {
        info.set("tokenizer_class", "PreTrainedTokenizerFast");
    }
    return info;
}

Result<void> may_change(const ModelRoutes& routes) {
    if (routes.adapters_may_change) {
        return {};
    }
    return Error{
        ErrorCode::kDenied, "adapters may not change while this engine runs: start it with --runtime-adapters"
    };
}

Answer load_adapter(const ModelRoutes& routes, const Json& body) {
    const std::string name = body.string_or("lora_name", "");
    const std::string path = body.string_or("lora_path", "");
    if (auto allowed = may_change(routes); !allowed) {
        return allowed.error();
    }
    if (name.empty() || path.empty() || name == routes.served.name()) {
        return Error{ErrorCode::kInvalid, "'lora_name' (not the model's) and 'lora_path' must be texts"};
    }
    if (auto loaded = routes.model.load_adapter(name, path); !loaded) {
        return loaded.error();
    }
    routes.served.add_adapter(name);
    return Json::object({{"lora_name", name}, {"status", "loaded"}});
}

// Calls with it that run already run to their end.
Answer unload_adapter(const ModelRoutes& routes, const Json& body) {
    const std::string name = body.string_or("lora_name", "");
    if (auto allowed = may_change(routes); !allowed) {
        return allowed.error();
    }
    const auto adapter = routes.served.adapter_of(name);
    if (!adapter || adapter->empty()) {
        return Error{ErrorCode::kNotFound, "there is no adapter '" + name.substr(0, 100) + "'"};
    }
    routes.served.remove_adapter(name);
    if (auto unloaded = routes.model.unload_adapter(*adapter); !unloaded) {
        return unloaded.error();
    }
    return Json::object({{"lora_name", name}, {"status", "unloaded"}});
}

}  // namespace

void add_health_routes(http::Router& router, const std::string& version) {
    const auto empty = [](const http::Request&) { return http::Response{}; };
    router.get("/health", http::kPublic, empty);
    router.get("/ping", http::kPublic, empty);
    router.post("/ping", http::kPublic, empty);
    router.get("/version", http::kPublic, [version](const http::Request&) {
        return http::reply(Json::object({{"version", version}}));
    });
}

void add_model_routes(http::Router& router, ModelRoutes routes) {
    add_post(router, "/tokenize", [routes](const Json& body) { return tokenize(routes, body); });
    add_post(router, "/detokenize", [routes](const Json& body) { return detokenize(routes, body); });
    router.get("/tokenizer_info", http::kPublic, [routes](const http::Request&) {
        return http::reply(tokenizer_info(routes));
    });
    add_post(router, "/v1/load_lora_adapter", [routes](const Json& body) {
        return load_adapter(routes, body);
    });
    add_post(router, "/v1/unload_lora_adapter", [routes](const Json& body) {
        return unload_adapter(routes, body);
    });
    add_health_routes(router, routes.version);
    router.get("/load", http::kPublic, [&served = routes.served](const http::Request&) {
        return http::reply(Json::object({{"server_load", served.calls()}}));
    });
    add_sleep_routes(
        router,
        {.sleeper = routes.model,
         .refuse_calls =
             [&served = routes.served](bool must_refuse) {
                 served.set_asleep(must_refuse);
                 const std::int64_t end_ms = monotonic_now_ms() + (must_refuse ? kDrainMs : 0);
                 while (served.calls() > 0 && monotonic_now_ms() < end_ms) {
                     std::this_thread::sleep_for(kDrainPoll);
                 }
             }}
    );
}

}  // namespace capstan::serving
