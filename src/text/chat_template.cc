#include "text/chat_template.h"

#include <cstdint>
#include <system_error>

#include <fmt/format.h>

#include "base/file.h"

namespace capstan::text {
namespace {

constexpr std::string_view kDefaultTemplate =
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

constexpr std::uint64_t kConfigBytesMax = std::uint64_t{16} << 20;

// "<s>", or {"content": "<s>", …}.
std::string token_text(const Json& token) {
    return token.is_object()              ? token.string_or("content", "")
           : token.as_string() != nullptr ? *token.as_string()
                                          : "";
}

Result<Json> read_config(const std::filesystem::path& folder) {
    const auto text = read_file(folder / "tokenizer_config.json", kConfigBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text);
    if (!json) {
        return with_context((folder / "tokenizer_config.json").string(), json.error());
    }
    return json;
}

// tokenizer_config.json with the template of chat_template.jinja, when that is there.
Result<Json> read_template_config(const std::filesystem::path& folder) {
    auto config = read_config(folder);
    std::error_code no_error_wanted;
    if (config && std::filesystem::exists(folder / "chat_template.jinja", no_error_wanted)) {
        const auto source = read_file(folder / "chat_template.jinja", kConfigBytesMax);
        if (!source) {
            return source.error();
        }
        config->set("chat_template", *source);
    }
    return config;
}

// "chat_template" is one text, or a list of named ones.
std::map<std::string, std::string> sources_in(const Json& config) {
    std::map<std::string, std::string> sources;
    const Json& given = config["chat_template"];
    if (const std::string* source = given.as_string()) {
        sources.emplace("default", *source);
    } else if (const Json::Array* named = given.as_array()) {
        for (const Json& item : *named) {
            sources.insert_or_assign(item.string_or("name", "default"), item.string_or("template", ""));
        }
    }
    return sources;
}

}  // namespace

std::string_view default_chat_template() {
    return kDefaultTemplate;
}

Result<std::map<std::string, std::string>> chat_template_sources(const std::filesystem::path& folder) {
    const auto config = read_template_config(folder);
    if (config) {
        return sources_in(*config);
    }
    return config.error().code == ErrorCode::kNotFound
               ? Result<std::map<std::string, std::string>>(std::map<std::string, std::string>())
               : config.error();
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, Tokens tokens) {
    return from_config(
        Json::object({{"chat_template", source}, {"bos_token", tokens.bos}, {"eos_token", tokens.eos}})
    );
}

Result<ChatTemplate> ChatTemplate::of(
    const std::map<std::string, std::string>& sources, const Tokens& tokens
) {
    Json::Array named;
    for (const auto& [name, source] : sources) {
        named.push_back(Json::object({{"name", name}, {"template", source}}));
    }
    return from_config(Json::object(
        {{"chat_template", Json(std::move(named))}, {"bos_token", tokens.bos}, {"eos_token", tokens.eos}}
    ));
}

Result<ChatTemplate> ChatTemplate::from_config(const Json& config) {
    ChatTemplate chat;
    chat.special_tokens_ = Json::object();
    for (const std::string_view name :
         {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
        if (const std::string token = token_text(config[name]); !token.empty()) {
            chat.special_tokens_.set(name, token);
        }
    }
    const auto add = [&chat](const std::string& name, const std::string& source) -> Result<void> {
        auto parsed = Template::parse(source);
        if (!parsed) {
            return with_context(fmt::format("chat_template '{}'", name.substr(0, 80)), parsed.error());
        }
        chat.templates_.insert_or_assign(name, std::move(*parsed));
        if (name == "tool_use" || (name == "default" && !chat.templates_.contains("tool_use"))) {
            chat.tool_call_format_ = tool_call_format_of(source);
        }
        return {};
    };
    for (const auto& [name, source] : sources_in(config)) {
        if (auto added = add(name, source); !added) {
            return added.error();
        }
    }
    if (!chat.templates_.contains("default")) {
        return Error{ErrorCode::kNotFound, "tokenizer_config.json has no default chat_template"};
    }
    return chat;
}

Result<ChatTemplate> ChatTemplate::load(const std::filesystem::path& folder) {
    const auto config = read_template_config(folder);
    if (!config) {
        return config.error();
    }
    auto chat = from_config(*config);
    if (!chat) {
        return with_context(folder.string(), chat.error());
    }
    return chat;
}

Result<std::string> ChatTemplate::render(const Json& messages, const ChatOptions& options) const {
    Json context = special_tokens_;
    if (const Json::Object* variables = options.variables.as_object()) {
        for (const auto& [name, value] : *variables) {
            context.set(name, value);
        }
    }
    const bool has_tools = options.tools.as_array() != nullptr && !options.tools.as_array()->empty();
    context.set("messages", messages);
    context.set("tools", has_tools ? options.tools : Json());
    context.set("documents", context["documents"]);
    context.set("add_generation_prompt", options.add_generation_prompt);
    const auto with_tools = templates_.find("tool_use");
    const auto chosen = has_tools && with_tools != templates_.end() ? with_tools : templates_.find("default");
    return text::render(chosen->second, context);
}

}  // namespace capstan::text
