#pragma once

// From what a caller sends (messages, text or ids) to the tokens that the model sees.

#include <filesystem>
#include <optional>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/config.h"
#include "llm/message.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace capstan::engine {

// Thread-safe.
class PromptEncoder {
public:
    // The tokenizer of a model directory and, when there is one, its chat template. kInvalid when the
    // tokenizer knows more tokens than the model.
    static Result<PromptEncoder> open(const std::filesystem::path& directory, const ModelConfig& config);

    // At least one token, all in the vocabulary. kInvalid for messages to a model without a chat template,
    // ids out of range, and nothing at all to a model without a first token.
    Result<std::vector<llm::TokenId>> encode(const llm::Prompt& prompt) const;
    // The same, with the tools that the template tells the model of; without any when their choice is kNone.
    Result<std::vector<llm::TokenId>> encode(const llm::GenerateRequest& request) const;

    const text::Tokenizer& tokenizer() const { return tokenizer_; }

    // How the model writes calls of tools.
    text::ToolCallFormat tool_call_format() const {
        return chat_template_ ? chat_template_->tool_call_format() : text::ToolCallFormat::kNone;
    }

private:
    PromptEncoder(
        text::Tokenizer tokenizer, std::optional<text::ChatTemplate> chat_template, const ModelConfig& config
    )
        : tokenizer_(std::move(tokenizer)),
          chat_template_(std::move(chat_template)),
          vocabulary_(config.vocabulary),
          bos_(config.bos) {}

    Result<std::vector<llm::TokenId>> encode(const llm::Prompt& prompt, const Json& tools) const;
    Result<std::vector<llm::TokenId>> encode_messages(
        const std::vector<llm::Message>& messages, const Json& tools
    ) const;
    std::vector<llm::TokenId> encode_text(const std::string& text) const;

    text::Tokenizer tokenizer_;
    std::optional<text::ChatTemplate> chat_template_;
    std::int64_t vocabulary_;
    std::optional<llm::TokenId> bos_;
};

}  // namespace capstan::engine
