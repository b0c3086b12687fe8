#pragma once

// One choice of a call, from its request to its finish reason.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "llm/model_client.h"
#include "llm/openai_wire.h"
#include "serving/call_metrics.h"

namespace capstan::serving {

class ChoiceRun {
public:
    struct Parts {
        int index = 0;
        std::shared_ptr<const llm::GenerateRequest> request;  // Shared by the choices of its prompt.
        CallMetrics* metrics = nullptr;                       // Null when nobody counts; outlives this.
        int choices = 1;                                      // Of its prompt; 0 when another one has told.
        bool has_scores = false;  // The caller wants them; the request may ask for its own reasons.
    };

    explicit ChoiceRun(Parts parts) : parts_(std::move(parts)) {}

    // With what answers it, since `began_us` on the monotonic clock.
    void start(std::unique_ptr<llm::Answer> answer, std::int64_t began_us);

    bool is_started() const { return answer_ != nullptr || has_ended_; }

    bool has_ended() const { return has_ended_; }

    // What is new: text, or, once and last, the finish reason. Nothing when there is nothing new. kCancelled
    // when its deadline passed.
    Result<std::optional<llm::Choice>> take();

    int index() const { return parts_.index; }

    const std::shared_ptr<const llm::GenerateRequest>& request() const { return parts_.request; }

    const llm::Usage& usage() const { return usage_; }

    // Of its tokens, the mean log-probability; for choosing the best.
    double mean_log_probability() const { return tokens_ > 0 ? log_probability_ / tokens_ : 0; }

private:
    std::string_view reason_of(const llm::GenerateResult& result) const;
    void count_piece();
    llm::Choice choice_of(llm::AnswerPiece piece);

    Parts parts_;
    std::unique_ptr<llm::Answer> answer_;
    bool has_ended_ = false;
    bool has_called_ = false;  // A tool.
    llm::Usage usage_;
    double log_probability_ = 0;
    double tokens_ = 0;
    std::int64_t began_us_ = 0;  // On the monotonic clock.
    std::int64_t last_us_ = 0;   // When the last piece came; 0: none yet.
};

// A choice's parts, put together.
void append(llm::Choice& whole, llm::Choice part);

}  // namespace capstan::serving
