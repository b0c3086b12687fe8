#pragma once

// Held-out questions asked of a deployment as its callers would: streaming, over the OpenAI API; each answer
// scored against the page's and the score given as feedback.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "app/api_client.h"
#include "base/result.h"

namespace capstan::app {

struct QuestionRun {
    std::string deployment;
    std::string pairs_commit_id;
    int questions = 0;
    int at_a_time = 1;
    int answer_tokens_max = 48;
    std::string key;  // Idempotency of feedback.
    // Which questions have been asked: after an interruption the rest are. Replaced after each answer.
    std::filesystem::path state_file;
};

struct QuestionOutcome {
    std::int64_t asked = 0;        // In this call and in those before it.
    std::string example_response;  // The id of the best answer by the last target, if it gave one.
};

Result<QuestionOutcome> ask_questions(
    ApiClient& api, const QuestionRun& run, const std::function<void(const std::string&)>& on_progress
);

}  // namespace capstan::app
