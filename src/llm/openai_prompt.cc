// What OpenAI's requests give a model to read: messages, texts, token ids.

#include <algorithm>

#include "llm/openai_reader.h"

namespace capstan::llm {
namespace {

constexpr std::size_t kMessagesMax = 2048;
constexpr std::size_t kToolCallsMax = 128;
constexpr std::size_t kPromptsMax = 2048;

// A message's content: text, null, or a list of parts of which we take those of type "text".
std::optional<std::string> content_text(const Json& content) {
    if (content.is_null()) {
        return std::string();
    }
    if (const auto* text = content.as_string()) {
        return *text;
    }
    const auto* parts = content.as_array();
    if (parts == nullptr) {
        return std::nullopt;
    }
    std::string joined;
    for (const Json& part : *parts) {
        const auto* text = part["text"].as_string();
        if (part.string_or("type", "") != "text" || text == nullptr) {
            return std::nullopt;
        }
        joined += *text;
    }
    return joined;
}

// The calls that an assistant's earlier message made.
std::vector<ToolCall> read_tool_calls(Reader& reader, const Json& message, std::size_t index) {
    const Json& json = message["tool_calls"];
    const auto* items = json.as_array();
    if (json.is_null() || (items != nullptr && items->empty())) {
        return {};
    }
    std::vector<ToolCall> calls;
    for (std::size_t i = 0; items != nullptr && i < std::min(items->size(), kToolCallsMax); ++i) {
        const Json& call = (*items)[i];
        const auto* name = call["function"]["name"].as_string();
        const auto* arguments = call["function"]["arguments"].as_string();
        if (name != nullptr && arguments != nullptr) {
            calls.push_back({.id = call.string_or("id", ""), .name = *name, .arguments = *arguments});
        }
    }
    if (items == nullptr || calls.size() != items->size()) {
        reader.fail(fmt::format(
            "'messages[{}].tool_calls' must be at most {} functions with name and arguments (JSON as text)",
            index,
            kToolCallsMax
        ));
    }
    return calls;
}

}  // namespace

std::vector<Message> read_messages(Reader& reader) {
    const auto* items = reader["messages"].as_array();
    if (items == nullptr || items->empty() || items->size() > kMessagesMax) {
        reader.fail(fmt::format("'messages' must be a list of 1 to {} messages", kMessagesMax));
        return {};
    }
    std::vector<Message> messages;
    for (std::size_t i = 0; i < items->size(); ++i) {
        const Json& item = (*items)[i];
        const auto role = parse_role(item.string_or("role", ""));
        const auto content = content_text(item["content"]);
        if (!role) {
            reader.fail(fmt::format("'messages[{}].role' must be system, user, assistant or tool", i));
        } else if (!content) {
            reader.fail(fmt::format("'messages[{}].content' must be text or a list of text parts", i));
        } else {
            messages.push_back(
                {.role = *role,
                 .content = *content,
                 .name = item.string_or("name", ""),
                 .tool_calls = read_tool_calls(reader, item, i),
                 .tool_call_id = item.string_or("tool_call_id", "")}
            );
        }
    }
    return messages;
}

namespace {

std::optional<std::vector<TokenId>> token_ids(const Json::Array& items) {
    std::vector<TokenId> ids;
    for (const Json& item : items) {
        const auto id = item.as_int();
        if (!id || *id < 0 || *id > INT32_MAX) {
            return std::nullopt;
        }
        ids.push_back(static_cast<TokenId>(*id));
    }
    return ids;
}

// A text, or a list of ids that is not empty.
std::optional<Prompt> one_prompt(const Json& json) {
    if (const auto* text = json.as_string()) {
        return *text;
    }
    if (const auto* items = json.as_array(); items != nullptr && !items->empty()) {
        if (auto ids = token_ids(*items)) {
            return std::move(*ids);
        }
    }
    return std::nullopt;
}

}  // namespace

std::vector<Prompt> read_prompts(Reader& reader) {
    const Json& json = reader["prompt"];
    if (auto prompt = one_prompt(json)) {
        return {std::move(*prompt)};
    }
    std::vector<Prompt> prompts;
    const auto* items = json.as_array();
    for (std::size_t i = 0; items != nullptr && i < std::min(items->size(), kPromptsMax); ++i) {
        if (auto prompt = one_prompt((*items)[i])) {
            prompts.push_back(std::move(*prompt));
        }
    }
    if (prompts.empty() || prompts.size() != items->size()) {
        reader.fail(fmt::format(
            "'prompt' must be a text, a list of token ids, or a list of up to {} of either", kPromptsMax
        ));
        return {std::string()};
    }
    return prompts;
}

}  // namespace capstan::llm
