#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "llm/openai_wire.h"

namespace capstan::llm {
namespace {

constexpr double kLogProbabilityMin = -9999;  // JSON has no infinity; OpenAI's servers say this.

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

// A token as a text; one that is a part of a character, in OpenAI's way.
std::string token_text(const std::string& bytes) {
    if (is_utf8(bytes)) {
        return bytes;
    }
    std::string text = "bytes:";
    for (const char byte : bytes) {
        text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
    return text;
}

double written(double log_probability) {
    return std::max(log_probability, kLogProbabilityMin);
}

Json bytes_json(const std::string& bytes) {
    Json::Array values;
    for (const char byte : bytes) {
        values.emplace_back(static_cast<unsigned char>(byte));
    }
    return Json(std::move(values));
}

Json chat_token_json(const std::string& bytes, double log_probability) {
    return Json::object(
        {{"token", token_text(bytes)}, {"logprob", written(log_probability)}, {"bytes", bytes_json(bytes)}}
    );
}

Json chat_scores_json(const std::vector<TokenScore>& tokens) {
    Json content = Json::array();
    for (const TokenScore& token : tokens) {
        Json top = Json::array();
        for (const auto& other : token.top) {
            top.push(chat_token_json(other.bytes, other.log_probability));
        }
        Json json = chat_token_json(token.bytes, token.log_probability.value_or(0));
        json.set("top_logprobs", std::move(top));
        content.push(std::move(json));
    }
    return Json::object({{"content", std::move(content)}, {"refusal", nullptr}});
}

// The most probable tokens and the one that was chosen, by their text. Of several tokens that are written
// alike, the most probable is told: evaluation harnesses compare a token with the greatest.
Json top_json(const TokenScore& token) {
    Json top = Json::object();
    const auto tell = [&top](const std::string& bytes, double log_probability) {
        const std::string text = token_text(bytes);
        if (!top.contains(text)) {
            top.set(text, written(log_probability));
        }
    };
    for (const auto& other : token.top) {
        tell(other.bytes, other.log_probability);
    }
    tell(token.bytes, *token.log_probability);
    return top;
}

// As /v1/completions has it: lists of equal length. Offsets are in characters.
Json text_scores_json(const Choice& choice) {
    Json::Array texts;
    Json::Array scores;
    Json::Array tops;
    Json::Array offsets;
    for (const TokenScore& token : choice.tokens) {
        texts.emplace_back(token_text(token.bytes));
        scores.emplace_back(token.log_probability ? Json(written(*token.log_probability)) : Json());
        tops.push_back(token.log_probability ? top_json(token) : Json());
        offsets.emplace_back(token.text_offset);
    }
    return Json::object(
        {{"text_offset", std::move(offsets)},
         {"token_logprobs", std::move(scores)},
         {"tokens", std::move(texts)},
         {"top_logprobs", std::move(tops)}}
    );
}

Json scores_json(const AnswerHead& head, const Choice& choice) {
    if (!choice.has_scores) {
        return nullptr;
    }
    return head.kind == CallKind::kChat ? chat_scores_json(choice.tokens) : text_scores_json(choice);
}

// As vLLM has it: of each token, by id, what was there and what was most probable.
Json prompt_scores_json(const std::vector<TokenScore>& tokens) {
    Json all = Json::array();
    for (const TokenScore& token : tokens) {
        if (!token.log_probability) {
            all.push(Json());
            continue;
        }
        Json ways = Json::object();
        const auto tell = [&ways](
                              TokenId id, std::string_view text, double log_probability, std::int64_t rank
                          ) {
            ways.set(
                std::to_string(id),
                Json::object({{"logprob", written(log_probability)}, {"rank", rank}, {"decoded_token", text}})
            );
        };
        tell(token.token, token_text(token.bytes), *token.log_probability, token.rank);
        std::int64_t rank = 0;
        for (const auto& other : token.top) {
            ++rank;
            if (other.token != token.token) {
                tell(other.token, token_text(other.bytes), other.log_probability, rank);
            }
        }
        all.push(std::move(ways));
    }
    return all;
}

Json reason_json(const Choice& choice) {
    return choice.finish_reason.empty() ? Json() : Json(choice.finish_reason);
}

Json whole_choice(const AnswerHead& head, const Choice& choice) {
    Json json = Json::object({{"index", choice.index}});
    if (head.kind == CallKind::kChat) {
        const bool has_content = choice.tool_calls.empty() || !choice.text.empty();
        Json message = Json::object(
            {{"role", "assistant"},
             {"content", has_content ? Json(choice.text) : Json()},
             {"refusal", nullptr}}
        );
        if (!choice.tool_calls.empty()) {
            message.set("tool_calls", tool_calls_json(choice.tool_calls));
        }
        json.set("message", std::move(message));
    } else {
        json.set("text", choice.text);
    }
    json.set("logprobs", scores_json(head, choice));
    if (head.kind == CallKind::kCompletion && !choice.prompt_tokens.empty()) {
        json.set("prompt_logprobs", prompt_scores_json(choice.prompt_tokens));
    }
    json.set("finish_reason", reason_json(choice));
    return json;
}

Json tool_delta_json(const ToolCallDelta& delta) {
    Json json = Json::object({{"index", delta.index}});
    Json function = Json::object();
    if (!delta.name.empty()) {
        json.set("id", delta.id);
        json.set("type", "function");
        function.set("name", delta.name);
    }
    function.set("arguments", delta.arguments);
    json.set("function", std::move(function));
    return json;
}

Json delta_json(const Choice& choice) {
    Json delta = Json::object();
    if (!choice.text.empty()) {
        delta.set("content", choice.text);
    }
    if (!choice.tool_deltas.empty()) {
        Json deltas = Json::array();
        for (const ToolCallDelta& part : choice.tool_deltas) {
            deltas.push(tool_delta_json(part));
        }
        delta.set("tool_calls", std::move(deltas));
    }
    return delta;
}

std::string chunk_text(const AnswerHead& head, Json choice, bool include_usage) {
    Json json = head_json(head, true);
    json.set("choices", Json::array({std::move(choice)}));
    if (include_usage) {
        json.set("usage", nullptr);
    }
    return json.dump();
}

}  // namespace

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

Json answer_body(const AnswerHead& head, const std::vector<Choice>& choices, const Usage& usage) {
    Json all = Json::array();
    for (const Choice& choice : choices) {
        all.push(whole_choice(head, choice));
    }
    Json json = head_json(head, false);
    json.set("choices", std::move(all));
    if (head.kind == CallKind::kChat && !choices.empty() && !choices.front().prompt_tokens.empty()) {
        json.set("prompt_logprobs", prompt_scores_json(choices.front().prompt_tokens));
    }
    json.set("usage", usage_json(usage));
    return json;
}

std::string role_chunk(const AnswerHead& head, int index, bool include_usage) {
    Json choice = Json::object(
        {{"index", index},
         {"delta", Json::object({{"role", "assistant"}, {"content", ""}})},
         {"logprobs", nullptr},
         {"finish_reason", nullptr}}
    );
    return chunk_text(head, std::move(choice), include_usage);
}

std::string choice_chunk(const AnswerHead& head, const Choice& choice, bool include_usage) {
    Json json = Json::object({{"index", choice.index}});
    if (head.kind == CallKind::kChat) {
        json.set("delta", delta_json(choice));
    } else {
        json.set("text", choice.text);
    }
    json.set("logprobs", choice.tokens.empty() ? Json() : scores_json(head, choice));
    json.set("finish_reason", reason_json(choice));
    return chunk_text(head, std::move(json), include_usage);
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
    if (!json["error"].is_null()) {
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
