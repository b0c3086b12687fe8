#pragma once

// For *_test.cc only: a model that says what a test wants it to.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/model_client.h"

namespace capstan::serving {

class ScriptedModel final : public llm::ModelClient {
public:
    // Set before the first call.
    std::vector<std::string> pieces = {"Hel", "lo"};
    std::vector<llm::ToolPart> tool_parts;  // After the pieces, one a look.
    bool is_endless = false;                // The pieces again and again.
    bool is_stuck = false;                  // After the pieces: nothing, ever.
    std::optional<Error> refusal;           // Instead of an answer.
    std::optional<Error> failure;           // After the pieces.
    llm::FinishReason finish_reason = llm::FinishReason::kStop;

    std::atomic<std::int64_t> pieces_made = 0;
    std::atomic<int> cancelled = 0;  // Answers that were dropped before their end.

    Result<std::unique_ptr<llm::Answer>> start(
        const llm::GenerateRequest& request, llm::OnChange /*never needed*/
    ) override {
        if (refusal) {
            return *refusal;
        }
        const std::scoped_lock lock(mutex_);
        requests_.push_back(request);
        return std::make_unique<ScriptedAnswer>(*this);
    }

    std::vector<llm::GenerateRequest> requests() const {
        const std::scoped_lock lock(mutex_);
        return requests_;
    }

private:
    class ScriptedAnswer final : public llm::Answer {
    public:
        explicit ScriptedAnswer(ScriptedModel& model) : model_(model) {}

        ~ScriptedAnswer() override { model_.cancelled += has_ended() ? 0 : 1; }

        // One piece a look, then once nothing: a reader in a loop comes to wait for more in between.
        std::optional<llm::AnswerPiece> take() override {
            if (has_ended() || is_cancelled_ || at_ == model_.pieces.size()) {
                if (!is_cancelled_ && tools_at_ < model_.tool_parts.size()) {
                    return llm::AnswerPiece{.tool_parts = {model_.tool_parts[tools_at_++]}};
                }
                is_done_ = is_cancelled_ || (!model_.is_stuck && at_ == model_.pieces.size());
                return std::nullopt;
            }
            ++model_.pieces_made;
            llm::AnswerPiece piece{.tool_parts = {}, .text = model_.pieces[at_++], .tokens = {}};
            if (model_.is_endless && at_ == model_.pieces.size()) {
                at_ = 0;
            }
            return piece;
        }

        bool has_ended() const override { return is_done_; }

        Result<llm::GenerateResult> result() const override {
            if (model_.failure) {
                return *model_.failure;
            }
            llm::GenerateResult result;
            result.finish_reason = is_cancelled_ ? llm::FinishReason::kCancelled : model_.finish_reason;
            result.usage = {.prompt_tokens = 3, .completion_tokens = 2, .cached_prompt_tokens = 1};
            return result;
        }

        void cancel() override { is_cancelled_ = true; }

    private:
        ScriptedModel& model_;
        std::size_t at_ = 0;
        std::size_t tools_at_ = 0;
        bool is_done_ = false;
        bool is_cancelled_ = false;
    };

    mutable std::mutex mutex_;  // Guards the requests.
    std::vector<llm::GenerateRequest> requests_;
};

}  // namespace capstan::serving
