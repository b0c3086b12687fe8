#pragma once

// From a conversation to the prompt that a model was trained on, by the template that the model came with.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "text/jinja.h"
#include "text/tool_call_format.h"

namespace capstan::text {

// The template of the models that Capstan trains itself: `<|user|>\n{content}<|end|>\n` and so on, and
// `<|assistant|>\n` to be continued.
std::string_view default_chat_template();

// The sources of a model's folder by name, "default" among them: of chat_template.jinja when it is there,
// else of tokenizer_config.json. Empty when it has none.
Result<std::map<std::string, std::string>> chat_template_sources(const std::filesystem::path& folder);

struct ChatOptions {
    bool add_generation_prompt = true;  // End with the start of the assistant's turn.
    Json tools;                         // As in OpenAI's requests; null for none.
    Json variables;                     // Further variables of the template (an object), or null.
};

// Immutable and thread-safe.
class ChatTemplate {
public:
    // Of one template, with the tokens that it may name.
    struct Tokens {
        std::string bos;
        std::string eos;
    };

    static Result<ChatTemplate> parse(std::string_view source, Tokens tokens);

    // Of several by name; kNotFound without "default".
    static Result<ChatTemplate> of(const std::map<std::string, std::string>& sources, const Tokens& tokens);

    // tokenizer_config.json's chat_template (one text, or a list of named ones), bos_token, eos_token and
    // other special tokens. kNotFound when it has no template.
    static Result<ChatTemplate> from_config(const Json& tokenizer_config);

    // Of a model's folder: chat_template.jinja when it is there, else tokenizer_config.json.
    static Result<ChatTemplate> load(const std::filesystem::path& folder);

    // `messages` is an array of {"role", "content", …}. The template "tool_use", when there is one, is taken
    // when there are tools. kInvalid, with the template's own words, when it refuses the conversation.
    Result<std::string> render(const Json& messages, const ChatOptions& options = {}) const;

    // How the model writes calls of tools, told from the template for them; kNone when it knows no tools.
    ToolCallFormat tool_call_format() const { return tool_call_format_; }

private:
    ChatTemplate() = default;

    std::map<std::string, Template, std::less<>> templates_;  // By name; "default" is always there.
    ToolCallFormat tool_call_format_ = ToolCallFormat::kNone;
    Json special_tokens_;  // bos_token and so on, as variables.
};

}  // namespace capstan::text
