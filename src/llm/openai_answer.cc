#include <utility>

#include <fmt/format.h>

#include "llm/openai_wire.h"

namespace capstan::llm {
namespace {

std::string_view object_name(CallKind kind, bool chunk) {
    if (kind == CallKind::kCompletion) {
        return "text_completion";
    }
    return chunk ? "chat.completion.chunk" : "chat.completion";
}

Json head_json(const AnswerHead& head, bool chunk) {
    return Json::object(
        {{"id", head.id},
         {"object", object_name(head.kind, chunk)},
         {"created", head.created_s},
         {"model", head.model}}
    );
}

std::string chunk_text(const AnswerHead& head, Json choices, bool include_usage) {
    Json json = head_json(head, true);
    json.set("choices", std::move(choices));
    if (include_usage) {
        json.set("usage", nullptr);
    }
    return json.dump();
}

Json one_choice(const AnswerHead& head, Json delta, Json finish_reason) {
    Json choice = Json::object({{"index", 0}});
    if (head.kind == CallKind::kChat) {
        choice.set("delta", std::move(delta));
    } else {
        choice.set("text", delta.string_or("content", ""));
    }
    choice.set("logprobs", nullptr);
    choice.set("finish_reason", std::move(finish_reason));
    return Json::array({std::move(choice)});
}

Json prompt_json(const Prompt& prompt) {
    if (const auto* text = std::get_if<std::string>(&prompt)) {
        return Json(*text);
    }
    if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) {
        return Json::array_of(*ids);
    }
    Json::Array messages;
    for (const Message& message : std::get<std::vector<Message>>(prompt)) {
        Json json = Json::object({{"role", name_of(message.role)}, {"content", message.content}});
        if (!message.name.empty()) {
            json.set("name", message.name);
        }
        if (!message.tool_call_id.empty()) {
            json.set("tool_call_id", message.tool_call_id);
        }
        messages.push_back(std::move(json));
    }
    return Json(std::move(messages));
}

// The sampling parameters that are not OpenAI's defaults: some providers refuse those that are not OpenAI's.
void add_sampling(Json& body, const Sampling& sampling) {
    if (sampling.top_k != 0) {
        body.set("top_k", sampling.top_k);
    }
    if (sampling.min_p != 0) {
        body.set("min_p", sampling.min_p);
    }
    if (sampling.frequency_penalty != 0) {
        body.set("frequency_penalty", sampling.frequency_penalty);
    }
    if (sampling.presence_penalty != 0) {
        body.set("presence_penalty", sampling.presence_penalty);
    }
    if (sampling.seed) {
        body.set("seed", static_cast<std::int64_t>(*sampling.seed));
    }
    if (!sampling.logit_bias.empty()) {
        Json bias = Json::object();
        for (const auto& [token, amount] : sampling.logit_bias) {
            bias.set(std::to_string(token), amount);
        }
        body.set("logit_bias", std::move(bias));
    }
}

}  // namespace

Json request_body(const OpenAiCall& call) {
    const Sampling& sampling = call.request.sampling;
    Json body = Json::object(
        {{"model", call.model},
         {call.kind == CallKind::kChat ? "messages" : "prompt", prompt_json(call.request.prompt)},
         {"max_tokens", call.request.completion_tokens_max},
         {"temperature", sampling.temperature},
         {"top_p", sampling.top_p}}
    );
    add_sampling(body, sampling);
    if (!call.request.stop.empty()) {
        body.set("stop", Json::array_of(call.request.stop));
    }
    if (!call.user.empty()) {
        body.set("user", call.user);
    }
    if (call.stream) {
        body.set("stream", true);
        body.set("stream_options", Json::object({{"include_usage", call.include_usage}}));
    }
    return body;
}

std::string_view name_of(FinishReason reason) {
    return reason == FinishReason::kLength ? "length" : "stop";
}

Json usage_json(const Usage& usage) {
    return Json::object(
        {{"prompt_tokens", usage.prompt_tokens},
         {"completion_tokens", usage.completion_tokens},
         {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
         {"prompt_tokens_details", Json::object({{"cached_tokens", usage.cached_prompt_tokens}})}}
    );
}

Json answer_body(const AnswerHead& head, const GenerateResult& result) {
    Json choice = Json::object({{"index", 0}});
    if (head.kind == CallKind::kChat) {
        choice.set(
            "message", Json::object({{"role", "assistant"}, {"content", result.text}, {"refusal", nullptr}})
        );
    } else {
        choice.set("text", result.text);
    }
    choice.set("logprobs", nullptr);
    choice.set("finish_reason", name_of(result.finish_reason));
    Json json = head_json(head, false);
    json.set("choices", Json::array({std::move(choice)}));
    json.set("usage", usage_json(result.usage));
    return json;
}

std::string role_chunk(const AnswerHead& head, bool include_usage) {
    const Json delta = Json::object({{"role", "assistant"}, {"content", ""}});
    return chunk_text(head, one_choice(head, delta, nullptr), include_usage);
}

std::string text_chunk(const AnswerHead& head, std::string_view text, bool include_usage) {
    return chunk_text(head, one_choice(head, Json::object({{"content", text}}), nullptr), include_usage);
}

std::string finish_chunk(const AnswerHead& head, FinishReason reason, bool include_usage) {
    return chunk_text(head, one_choice(head, Json::object(), name_of(reason)), include_usage);
}

std::string usage_chunk(const AnswerHead& head, const Usage& usage) {
    Json json = head_json(head, true);
    json.set("choices", Json::array());
    json.set("usage", usage_json(usage));
    return json.dump();
}

OpenAiError openai_error(const Error& error) {
    struct Shape {
        int status;
        const char* type;
        const char* code;
    };

    const Shape shape = [&]() -> Shape {
        switch (error.code) {
            case ErrorCode::kInvalid:
                return {400, "invalid_request_error", "invalid_request"};
            case ErrorCode::kTooLarge:
                return {413, "invalid_request_error", "request_too_large"};
            case ErrorCode::kUnauthorized:
                return {401, "authentication_error", "invalid_api_key"};
            case ErrorCode::kDenied:
                return {403, "permission_error", "permission_denied"};
            case ErrorCode::kNotFound:
                return {404, "invalid_request_error", "model_not_found"};
            case ErrorCode::kConflict:
                return {409, "invalid_request_error", "conflict"};
            case ErrorCode::kExhausted:
                return {429, "rate_limit_error", "rate_limit_exceeded"};
            case ErrorCode::kCancelled:
                return {499, "server_error", "cancelled"};
            case ErrorCode::kUnavailable:
                return {503, "server_error", "unavailable"};
            case ErrorCode::kInternal:
                return {500, "server_error", "internal_error"};
        }
        return {500, "server_error", "internal_error"};
    }();
    return {
        shape.status,
        Json::object(
            {{"error",
              Json::object(
                  {{"message", error.message}, {"type", shape.type}, {"param", nullptr}, {"code", shape.code}}
              )}}
        )
    };
}

Result<AnswerPart> parse_answer_part(const Json& json) {
    if (json.contains("error")) {
        return Error{ErrorCode::kUnavailable, json["error"].string_or("message", "the model gave an error")};
    }
    AnswerPart part;
    part.id = json.string_or("id", "");
    if (const auto* choices = json["choices"].as_array(); choices != nullptr && !choices->empty()) {
        const Json& choice = choices->front();
        const std::string_view holder = choice.contains("delta") ? "delta" : "message";
        part.text =
            choice.contains("text") ? choice.string_or("text", "") : choice[holder].string_or("content", "");
        part.finish_reason = choice.string_or("finish_reason", "");
    }
    if (const Json& usage = json["usage"]; usage.is_object()) {
        part.has_usage = true;
        part.usage.prompt_tokens = usage.int_or("prompt_tokens", 0);
        part.usage.completion_tokens = usage.int_or("completion_tokens", 0);
        part.usage.cached_prompt_tokens = usage["prompt_tokens_details"].int_or("cached_tokens", 0);
    }
    return part;
}

}  // namespace capstan::llm
