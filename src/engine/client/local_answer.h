#pragma once

// One answer of the engine as its caller sees it: tokens of a channel become text and, when asked for, their
// log-probabilities. Decoding and the search for stop strings happen on the caller's thread.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/client/stop_filter.h"
#include "engine/scheduling/token_channel.h"
#include "llm/model_client.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/tool_call_parser.h"

namespace capstan::engine {

// The bytes that `token` stands for in a text; a special token's name.
std::string token_bytes(const text::Tokenizer& tokenizer, llm::TokenId token);

class LocalAnswer final : public llm::Answer {
public:
    struct Parts {
        const text::Tokenizer& tokenizer;  // Outlives the answer.
        const llm::GenerateRequest& request;
        std::shared_ptr<const std::vector<llm::TokenId>> prompt;  // Shared with the other answers to it.
        std::shared_ptr<TokenChannel> channel;                    // Shared with the engine.
        std::int64_t began_us = 0;                                // On the monotonic clock.
        text::ToolCallFormat tool_format = text::ToolCallFormat::kNone;
        bool is_prompt_cut = false;  // `prompt` is only the end of the request's.
    };

    explicit LocalAnswer(Parts parts);
    ~LocalAnswer() override;

    std::optional<llm::AnswerPiece> take() override;

    bool has_ended() const override { return has_ended_; }

    Result<llm::GenerateResult> result() const override { return result_; }

    void cancel() override { channel_->cancel(); }

private:
    // A token that is not shown yet, and where its text begins.
    struct Held {
        llm::TokenScore score;
        std::size_t begin;
    };

    void begin(llm::AnswerPiece& piece);
    void echo(const std::vector<ScoredToken>& scores, llm::AnswerPiece& piece);
    void push(const ScoredToken& token, llm::AnswerPiece& piece);
    void show(std::string text, llm::AnswerPiece& piece);
    void finish(llm::AnswerPiece& piece);
    void take_start();
    void read_tools(const Parts& parts);
    // Text for the reader, and calls of tools.
    void tell_apart(std::string_view text, llm::AnswerPiece& piece);
    void take_events(std::vector<text::ToolCallEvent> events, llm::AnswerPiece& piece);
    llm::TokenScore first_token() const;
    llm::TokenScore score_of(const ScoredToken& token, std::optional<int> top_tokens) const;

    const text::Tokenizer& tokenizer_;
    std::shared_ptr<const std::vector<llm::TokenId>> prompt_;
    std::shared_ptr<TokenChannel> channel_;
    std::int64_t began_us_;
    std::vector<llm::TokenId> stop_tokens_;
    std::string prompt_text_;   // What an echo says.
    bool is_prompt_of_tokens_;  // Then an echo shows special tokens.
    bool must_echo_;
    bool has_begun_ = false;
    bool shows_stop_;
    std::int64_t completion_tokens_min_;
    std::optional<int> top_tokens_;
    std::optional<int> prompt_top_tokens_;

    text::StreamDecoder decoder_;
    StopFilter filter_;
    std::optional<text::ToolCallParser> tools_;  // When calls may come in the text.
    std::string named_tool_;                     // When all of the text is the arguments of this one.
    bool has_begun_named_ = false;
    std::size_t decoded_bytes_ = 0;       // Of the completion.
    std::size_t decoded_characters_ = 0;  // Of the answer, with the echo.
    std::size_t shown_bytes_ = 0;
    std::deque<Held> held_;
    bool has_stopped_ = false;  // By a stop string or a stop token.
    bool has_ended_ = false;
    Result<llm::GenerateResult> result_ = llm::GenerateResult{};
};

}  // namespace capstan::engine
