#include "engine/files/gguf_text.h"

#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace capstan::engine {

void add_tokenizer(GgufMetadata& metadata, const text::GgufTokenizer& tokenizer) {
    const auto add = [&](std::string_view key, const auto& value) {
        metadata.add(fmt::format("tokenizer.ggml.{}", key), value);
    };
    const auto add_id = [&](std::string_view key, std::optional<std::int32_t> id) {
        if (id) {
            add(key, static_cast<std::uint32_t>(*id));
        }
    };
    const auto add_flag = [&](std::string_view key, std::optional<bool> flag) {
        if (flag) {
            add(key, *flag);
        }
    };
    add("model", std::string_view(tokenizer.model));
    add("pre", std::string_view(tokenizer.pre));
    add("tokens", tokenizer.tokens);
    if (!tokenizer.scores.empty()) {
        add("scores", tokenizer.scores);
    }
    add("token_type", tokenizer.types);
    if (tokenizer.model == "gpt2") {  // llama.cpp misses the key even when there are none.
        add("merges", tokenizer.merges);
    }
    add_id("bos_token_id", tokenizer.bos_id);
    add_id("eos_token_id", tokenizer.eos_id);
    add_id("unknown_token_id", tokenizer.unknown_id);
    add_id("padding_token_id", tokenizer.padding_id);
    add_flag("add_bos_token", tokenizer.add_bos);
    add_flag("add_eos_token", tokenizer.add_eos);
    add_flag("add_space_prefix", tokenizer.add_space_prefix);
}

void add_chat_templates(GgufMetadata& metadata, const std::map<std::string, std::string>& sources) {
    std::vector<std::string> others;
    for (const auto& [name, source] : sources) {
        if (name == "default") {
            metadata.add("tokenizer.chat_template", std::string_view(source));
        } else {
            metadata.add(fmt::format("tokenizer.chat_template.{}", name), std::string_view(source));
            others.push_back(name);
        }
    }
    if (!others.empty()) {
        metadata.add("tokenizer.chat_templates", others);
    }
}

}  // namespace capstan::engine
