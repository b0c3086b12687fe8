#include "engine/client/prompt_encoder.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/client/literal_marks.h"
#include "engine/client/tool_choice.h"
#include "engine/files/model_text.h"
#include "llm/openai_wire.h"

namespace capstan::engine {
namespace {

// As chat templates expect it: a call's arguments are an object when they are JSON.
Json message_json(const llm::Message& message) {
    Json json = Json::object({{"role", name_of(message.role)}, {"content", message.content}});
    if (!message.name.empty()) {
        json.set("name", message.name);
    }
    if (!message.tool_call_id.empty()) {
        json.set("tool_call_id", message.tool_call_id);
    }
    if (message.tool_calls.empty()) {
        return json;
    }
    Json calls = Json::array();
    for (const llm::ToolCall& call : message.tool_calls) {
        auto parsed = parse_json(call.arguments);
        Json arguments = parsed ? std::move(*parsed) : Json(call.arguments);
        calls.push(Json::object(
            {{"id", call.id},
             {"type", "function"},
             {"function", Json::object({{"name", call.name}, {"arguments", std::move(arguments)}})}}
        ));
    }
    json.set("tool_calls", std::move(calls));
    return json;
}

}  // namespace

Result<PromptEncoder> PromptEncoder::open(const std::filesystem::path& directory, const ModelConfig& config) {
    auto tokenizer = load_tokenizer(directory);
    if (!tokenizer) {
        return tokenizer.error();
    }
    if (std::cmp_greater(tokenizer->vocabulary_size(), config.vocabulary)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "the tokenizer in '{}' has {} tokens, but the model only {}: they do not belong together",
                directory.string(),
                tokenizer->vocabulary_size(),
                config.vocabulary
            )
        };
    }
    auto chat_template = load_chat_template(directory);
    if (!chat_template && chat_template.error().code != ErrorCode::kNotFound) {
        return chat_template.error();
    }
    std::optional<text::ChatTemplate> found;
    if (chat_template) {
        found = std::move(*chat_template);
    }
    return PromptEncoder(std::move(*tokenizer), std::move(found), config);
}

Result<std::vector<llm::TokenId>> PromptEncoder::encode(const llm::Prompt& prompt) const {
    return encode(prompt, Json());
}

Result<std::vector<llm::TokenId>> PromptEncoder::encode(const llm::GenerateRequest& request) const {
    Json tools;
    if (may_call_tools(request)) {
        for (const llm::Tool& tool : request.tools) {
            tools.push(llm::tool_json(tool));
        }
    }
    return encode(request.prompt, tools);
}

Result<std::vector<llm::TokenId>> PromptEncoder::encode(const llm::Prompt& prompt, const Json& tools) const {
    std::vector<llm::TokenId> tokens;
    if (const auto* messages = std::get_if<std::vector<llm::Message>>(&prompt)) {
        auto encoded = encode_messages(*messages, tools);
        if (!encoded) {
            return encoded;
        }
        tokens = std::move(*encoded);
    } else if (const auto* text = std::get_if<std::string>(&prompt)) {
        tokens = encode_text(*text);
    } else {
        tokens = std::get<std::vector<llm::TokenId>>(prompt);
    }
    if (tokens.empty() && bos_) {
        tokens.push_back(*bos_);
    }
    if (tokens.empty()) {
        return Error{ErrorCode::kInvalid, "the prompt is empty"};
    }
    for (const llm::TokenId token : tokens) {
        if (token < 0 || token >= vocabulary_) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("the prompt has token {}; the model's are 0 to {}", token, vocabulary_ - 1)
            };
        }
    }
    return tokens;
}

Result<std::vector<llm::TokenId>> PromptEncoder::encode_messages(
    const std::vector<llm::Message>& messages, const Json& tools
) const {
    if (!chat_template_) {
        return Error{ErrorCode::kInvalid, "this model has no chat template: send text to continue instead"};
    }
    if (messages.empty()) {
        return Error{ErrorCode::kInvalid, "a chat needs at least one message"};
    }
    Json json = Json::array();
    for (const llm::Message& message : messages) {
        json.push(message_json(message));
    }
    // What tools are called and how they are described is the caller's, too.
    Json said = Json::array({std::move(json), tools});
    const LiteralMarks marks(tokenizer_, said);
    const Json::Array& parts = *said.as_array();
    const auto rendered = chat_template_->render(parts[0], {.tools = parts[1]});
    if (!rendered) {
        return with_context("chat template", rendered.error());
    }
    const auto [text, literal] = marks.take_from(*rendered);
    // The template writes every special token that belongs there, also the first.
    return tokenizer_.encode(text, {.add_special_tokens = false, .literal = literal});
}

std::vector<llm::TokenId> PromptEncoder::encode_text(const std::string& text) const {
    return tokenizer_.encode(text, {.add_special_tokens = true});
}

}  // namespace capstan::engine
