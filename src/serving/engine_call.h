#pragma once

// One call for text, from its request to the last byte of its answer: a coroutine on an I/O thread. When the
// caller leaves, it is cancelled, and with it every sequence of the call.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llm/openai_wire.h"
#include "platform/http/signal.h"
#include "platform/http/stream.h"
#include "serving/choice_run.h"
#include "serving/served_model.h"

namespace capstan::serving {

class EngineCall {
public:
    struct Parts {
        ServedModel& served;  // All three outlive the call.
        const http::Request& request;
        http::StreamWriter& writer;
        llm::CallKind kind;
    };

    explicit EngineCall(const Parts& parts) : parts_(parts) {}

    http::Task<void> run();

private:
    Result<void> read_request();
    void plan_choices();
    // Starts those that wait, as far as there is room: on a worker, since it encodes prompts.
    Result<void> start_choices(const http::Signal& signal);
    Result<void> start_group(std::span<ChoiceRun> choices, const http::Signal& signal);
    Result<std::vector<llm::Choice>> take_parts();
    // The next parts, at least one; none at the end.
    http::Task<Result<std::vector<llm::Choice>>> next(const http::Signal& signal);

    http::Task<void> answer(const http::Signal& signal);
    http::Task<void> answer_whole(std::vector<llm::Choice> parts, const http::Signal& signal);
    http::Task<void> answer_stream(std::vector<llm::Choice> parts, const http::Signal& signal);
    http::Task<Result<void>> send(const std::vector<llm::Choice>& parts);
    http::Task<void> fail(const Error& error);
    std::vector<llm::Choice> choose_best(std::vector<llm::Choice> choices) const;
    llm::Usage usage() const;

    Parts parts_;
    llm::OpenAiCall call_;
    llm::AnswerHead head_;
    std::int64_t deadline_ms_ = 0;  // On the monotonic clock.
    std::vector<ChoiceRun> choices_;
    std::optional<Error> failure_;  // Of one of them: the call fails with it.
    std::vector<bool> has_role_;    // By index: its first chunk was sent.
};

}  // namespace capstan::serving
