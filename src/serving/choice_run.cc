#include "serving/choice_run.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/clock.h"
#include "base/id.h"

namespace capstan::serving {

void ChoiceRun::start(std::unique_ptr<llm::Answer> answer, std::int64_t began_us) {
    began_us_ = began_us;
    answer_ = std::move(answer);
}

Result<std::optional<llm::Choice>> ChoiceRun::take() {
    if (has_ended_ || !answer_) {
        return std::optional<llm::Choice>();
    }
    if (auto piece = answer_->take()) {
        count_piece();
        return choice_of(std::move(*piece));
    }
    if (!answer_->has_ended()) {
        return std::optional<llm::Choice>();
    }
    const auto result = answer_->result();
    answer_.reset();
    has_ended_ = true;
    if (!result) {
        return result.error();
    }
    if (result->finish_reason == llm::FinishReason::kCancelled) {
        return Error{ErrorCode::kCancelled, "the answer was not complete in time"};
    }
    usage_ = result->usage;
    if (parts_.metrics != nullptr) {
        if (parts_.choices > 0) {
            parts_.metrics->prompt(usage_, parts_.choices, parts_.request->completion_tokens_max);
        }
        parts_.metrics->ended(*result, reason_of(*result));
    }
    return llm::Choice{
        .index = parts_.index, .has_scores = parts_.has_scores, .finish_reason = reason_of(*result)
    };
}

// "tool_calls" when the model chose to call some; one that the caller named is a plain stop, as OpenAI has
// it.
std::string_view ChoiceRun::reason_of(const llm::GenerateResult& result) const {
    const bool has_chosen = parts_.request->tool_choice.kind != llm::ToolChoice::Kind::kNamed;
    const bool is_stop = result.finish_reason == llm::FinishReason::kStop;
    return is_stop && has_called_ && has_chosen ? "tool_calls" : name_of(result.finish_reason);
}

void ChoiceRun::count_piece() {
    if (parts_.metrics == nullptr) {
        return;
    }
    const std::int64_t now_us = monotonic_now_us();
    constexpr double kUsPerSecond = 1'000'000;
    if (last_us_ == 0) {
        parts_.metrics->first_token(static_cast<double>(now_us - began_us_) / kUsPerSecond);
    } else {
        parts_.metrics->token_gap(static_cast<double>(now_us - last_us_) / kUsPerSecond);
    }
    last_us_ = now_us;
}

llm::Choice ChoiceRun::choice_of(llm::AnswerPiece piece) {
    for (const llm::TokenScore& token : piece.tokens) {
        log_probability_ += token.log_probability.value_or(0);
        ++tokens_;
    }
    llm::Choice choice{.index = parts_.index, .has_scores = parts_.has_scores};
    choice.text = std::move(piece.text);
    has_called_ = has_called_ || !piece.tool_parts.empty();
    for (llm::ToolPart& part : piece.tool_parts) {
        if (part.index == 0 || parts_.request->parallel_tool_calls) {
            const std::string id = part.name.empty() ? std::string() : "call_" + new_id();
            choice.tool_deltas.push_back(
                {.index = part.index,
                 .id = id,
                 .name = std::move(part.name),
                 .arguments = std::move(part.arguments)}
            );
        }
    }
    choice.prompt_tokens = std::move(piece.prompt_tokens);
    if (parts_.has_scores) {
        choice.tokens = std::move(piece.tokens);
    }
    return choice;
}

void append(llm::Choice& whole, llm::Choice part) {
    whole.index = part.index;
    whole.has_scores = part.has_scores;
    whole.text += part.text;
    for (llm::ToolCallDelta& delta : part.tool_deltas) {
        const auto index = static_cast<std::size_t>(delta.index);
        whole.tool_calls.resize(std::max(whole.tool_calls.size(), index + 1));
        llm::ToolCall& call = whole.tool_calls[index];
        if (!delta.name.empty()) {
            call = {.id = std::move(delta.id), .name = std::move(delta.name), .arguments = {}};
        }
        call.arguments += delta.arguments;
    }
    whole.tokens.insert(
        whole.tokens.end(),
        std::make_move_iterator(part.tokens.begin()),
        std::make_move_iterator(part.tokens.end())
    );
    if (!part.prompt_tokens.empty()) {
        whole.prompt_tokens = std::move(part.prompt_tokens);
    }
    if (!part.finish_reason.empty()) {
        whole.finish_reason = part.finish_reason;
    }
}

}  // namespace capstan::serving
