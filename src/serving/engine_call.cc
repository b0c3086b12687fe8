#include "serving/engine_call.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/id.h"
#include "platform/http/json_reply.h"
#include "serving/openai_reply.h"

namespace capstan::serving {
namespace {

using http::Task;

constexpr std::ptrdiff_t kAtOnceMax = 64;  // Choices of one call that run or wait in the engine.
constexpr std::size_t kChoicesMax = 4096;
constexpr int kPartsAtOnceMax = 32;  // Of one choice; the others have their turn, and the caller its bytes.
constexpr std::int64_t kLookAgainMs = 1000;
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;  // Of one that is not streamed.

std::string sse(const std::string& data) {
    return "data: " + data + "\n\n";
}

Error late(std::int64_t deadline_ms) {
    return {ErrorCode::kCancelled, fmt::format("the answer was not complete after {} ms", deadline_ms)};
}

// Whole calls of tools as the one chunk that has them all.
void call_deltas(llm::Choice& choice) {
    for (std::size_t i = 0; i < choice.tool_calls.size(); ++i) {
        const llm::ToolCall& call = choice.tool_calls[i];
        choice.tool_deltas.push_back(
            {.index = static_cast<int>(i), .id = call.id, .name = call.name, .arguments = call.arguments}
        );
    }
}

}  // namespace

Task<void> EngineCall::run() {
    const CallPlace place(parts_.served);
    if (!place.is_taken()) {
        co_await fail({ErrorCode::kExhausted, "the engine has as many calls as it takes; retry later"});
        co_return;
    }
    if (parts_.served.is_asleep()) {
        co_await fail({ErrorCode::kUnavailable, "the engine is asleep: POST /wake_up first"});
        co_return;
    }
    const http::Signal signal = co_await http::Signal::here();
    auto begun = co_await http::run_blocking(parts_.writer.workers(), [&] {
        auto read = read_request();
        return read ? start_choices(signal) : read;
    });
    if (!begun || !*begun) {
        co_await fail(begun ? begun->error() : begun.error());
        co_return;
    }
    co_await answer(signal);
}

Result<void> EngineCall::read_request() {
    const auto body = http::read_json(parts_.request);
    if (!body) {
        return body.error();
    }
    const bool is_chat = parts_.kind == llm::CallKind::kChat;
    auto call = is_chat ? llm::parse_chat_call(*body) : llm::parse_completion_call(*body);
    if (!call) {
        return call.error();
    }
    auto adapter = parts_.served.adapter_of(call->model);
    if (!adapter) {
        return adapter.error();
    }
    call_ = std::move(*call);
    call_.request.adapter = std::move(*adapter);
    call_.request.fairness_key = call_.user;
    std::int64_t& asked_ms = call_.request.deadline_ms;
    if (asked_ms == 0) {
        asked_ms = timeout_of(parts_.request);
    }
    asked_ms =
        asked_ms == 0 ? parts_.served.deadline_ms_max() : std::min(asked_ms, parts_.served.deadline_ms_max());
    deadline_ms_ = monotonic_now_ms() + asked_ms;
    head_ = {
        .kind = parts_.kind,
        .id = (is_chat ? "chatcmpl-" : "cmpl-") + new_id(),
        .model = call_.model,
        .created_s = system_now_ms() / 1000
    };
    const std::size_t prompts = 1 + call_.more_prompts.size();
    if (prompts * static_cast<std::size_t>(call_.best_of) > kChoicesMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("{} prompts with {} answers each; {} at most", prompts, call_.best_of, kChoicesMax)
        };
    }
    plan_choices();
    return {};
}

void EngineCall::plan_choices() {
    const bool has_scores = call_.request.top_tokens.has_value();
    llm::Prompt prompt = std::move(call_.request.prompt);
    for (std::size_t i = 0; i <= call_.more_prompts.size(); ++i) {
        auto request = std::make_shared<llm::GenerateRequest>(call_.request);
        request->prompt = std::move(i == 0 ? prompt : call_.more_prompts[i - 1]);
        if (call_.best_of > call_.choices && !has_scores) {
            request->top_tokens = 0;
        }
        for (int k = 0; k < call_.best_of; ++k) {
            choices_.emplace_back(ChoiceRun::Parts{
                .index = static_cast<int>(choices_.size()),
                .request = request,
                .metrics = parts_.served.metrics(),
                .choices = k == 0 ? call_.best_of : 0,
                .has_scores = has_scores
            });
        }
    }
    has_role_.assign(choices_.size(), false);
}

Result<void> EngineCall::start_choices(const http::Signal& signal) {
    std::ptrdiff_t running = std::ranges::count_if(choices_, [](const ChoiceRun& choice) {
        return choice.is_started() && !choice.has_ended();
    });
    for (auto begin = choices_.begin(); begin != choices_.end();) {
        if (begin->is_started()) {
            ++begin;
            continue;
        }
        const std::ptrdiff_t room = kAtOnceMax - running;
        const bool is_whole = call_.request.beams.has_value();  // The beams of a search start together.
        if (room < (is_whole ? call_.best_of : 1)) {
            return {};
        }
        const auto end =
            std::find_if(begin, begin + std::min(room, choices_.end() - begin), [&](const ChoiceRun& choice) {
                return choice.request() != begin->request();
            });
        if (auto started = start_group({begin, end}, signal); !started) {
            // A full queue is no error while some of ours go on: these start when one of them ends.
            const bool can_wait = started.error().code == ErrorCode::kExhausted && running > 0;
            return can_wait ? Result<void>() : started;
        }
        running += end - begin;
        begin = end;
    }
    return {};
}

// Choices of one prompt, which is computed once for all of them.
Result<void> EngineCall::start_group(std::span<ChoiceRun> choices, const http::Signal& signal) {
    const std::int64_t began_us = monotonic_now_us();
    const auto first = static_cast<std::uint64_t>(choices[0].index() % call_.best_of);
    std::shared_ptr<const llm::GenerateRequest> request = choices[0].request();
    if (first > 0 && request->sampling.seed) {
        auto later = std::make_shared<llm::GenerateRequest>(*request);
        *later->sampling.seed += first;
        request = later;
    }
    auto answers = parts_.served.client().start_many(*request, choices.size(), [signal] { signal.notify(); });
    if (!answers) {
        return answers.error();
    }
    for (std::size_t i = 0; i < choices.size(); ++i) {
        choices[i].start(std::move((*answers)[i]), began_us);
    }
    return {};
}

Result<std::vector<llm::Choice>> EngineCall::take_parts() {
    if (failure_) {
        return *failure_;
    }
    std::vector<llm::Choice> parts;
    for (ChoiceRun& choice : choices_) {
        for (int i = 0; i < kPartsAtOnceMax; ++i) {
            auto part = choice.take();
            if (!part) {
                // For the next look: what came before it comes out.
                failure_ = part.error().code == ErrorCode::kCancelled ? late(call_.request.deadline_ms)
                                                                      : part.error();
                return parts.empty() ? Result<std::vector<llm::Choice>>(*failure_) : parts;
            }
            if (!*part) {
                break;
            }
            parts.push_back(std::move(**part));
        }
    }
    return parts;
}

Task<Result<std::vector<llm::Choice>>> EngineCall::next(const http::Signal& signal) {
    while (true) {
        auto parts = take_parts();
        const bool all_ended = std::ranges::all_of(choices_, &ChoiceRun::has_ended);
        if (!parts || !parts->empty() || (all_ended && !failure_)) {
            co_return parts;
        }
        if (!std::ranges::all_of(choices_, &ChoiceRun::is_started)) {
            auto started =
                co_await http::run_blocking(parts_.writer.workers(), [&] { return start_choices(signal); });
            if (started && !*started) {
                co_return started->error();
            }
        }
        const std::int64_t left_ms = deadline_ms_ - monotonic_now_ms();
        if (left_ms <= 0) {
            co_return late(call_.request.deadline_ms);
        }
        if (auto waited = co_await signal.wait(std::min(left_ms, kLookAgainMs)); !waited) {
            co_return waited.error();
        }
    }
}

// The first parts are awaited before the head is sent, so that a refusal has its status.
Task<void> EngineCall::answer(const http::Signal& signal) {
    auto first = co_await next(signal);
    if (!first) {
        co_await fail(first.error());
    } else if (call_.stream && call_.best_of == call_.choices) {
        co_await answer_stream(std::move(*first), signal);
    } else {
        co_await answer_whole(std::move(*first), signal);
    }
}

Task<void> EngineCall::answer_whole(std::vector<llm::Choice> parts, const http::Signal& signal) {
    std::vector<llm::Choice> choices(choices_.size());
    std::size_t bytes = 0;
    while (!parts.empty()) {
        for (llm::Choice& part : parts) {
            bytes += part.text.size() + part.tokens.size() * sizeof(llm::TokenScore);
            append(choices[static_cast<std::size_t>(part.index)], std::move(part));
        }
        if (bytes > kAnswerBytesMax) {
            co_await fail({ErrorCode::kTooLarge, "the answer is longer than 64 MiB; ask for a stream"});
            co_return;
        }
        auto more = co_await next(signal);
        if (!more) {
            co_await fail(more.error());
            co_return;
        }
        parts = std::move(*more);
    }
    choices = choose_best(std::move(choices));
    if (call_.stream) {
        auto sent = co_await parts_.writer.start(
            200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}}
        );
        for (llm::Choice& choice : choices) {
            call_deltas(choice);
        }
        if (sent) {
            sent = co_await send(choices);
        }
        co_return;
    }
    auto body = co_await http::run_blocking(parts_.writer.workers(), [&] {
        return llm::answer_body(head_, choices, usage()).dump();
    });
    if (!body) {
        co_await fail(body.error());
        co_return;
    }
    [[maybe_unused]] const auto sent = co_await parts_.writer.respond({.body = std::move(*body)});
}

Task<void> EngineCall::answer_stream(std::vector<llm::Choice> parts, const http::Signal& signal) {
    auto sent = co_await parts_.writer.start(
        200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}}
    );
    while (sent) {
        sent = co_await send(parts);
        if (!sent || parts.empty()) {
            break;
        }
        auto more = co_await next(signal);
        if (!more) {
            co_await fail(more.error());
            co_return;
        }
        parts = std::move(*more);
    }
}

// Without parts: the end.
Task<Result<void>> EngineCall::send(const std::vector<llm::Choice>& parts) {
    std::string events;
    for (const llm::Choice& part : parts) {
        const auto index = static_cast<std::size_t>(part.index);
        if (parts_.kind == llm::CallKind::kChat && !has_role_[index]) {
            events += sse(llm::role_chunk(head_, part.index, call_.include_usage));
            has_role_[index] = true;
        }
        events += sse(llm::choice_chunk(head_, part, call_.include_usage));
    }
    if (parts.empty() || call_.best_of > call_.choices) {
        if (call_.include_usage) {
            events += sse(llm::usage_chunk(head_, usage()));
        }
        events += sse("[DONE]");
    }
    co_return co_await parts_.writer.write(events);
}

// A caller that is gone needs no reason.
Task<void> EngineCall::fail(const Error& error) {
    if (parts_.writer.is_cancelled()) {
        co_return;
    }
    choices_.clear();  // Their sequences end at the next step.
    if (parts_.writer.is_started()) {
        const std::string event = sse(openai_shape(error).body.dump());
        [[maybe_unused]] const auto sent = co_await parts_.writer.write(event);
    } else {
        [[maybe_unused]] const auto sent = co_await parts_.writer.respond(openai_error_response(error));
    }
}

// Of each prompt's choices, the most probable a token; their indexes begin at 0 again.
std::vector<llm::Choice> EngineCall::choose_best(std::vector<llm::Choice> choices) const {
    if (call_.best_of == call_.choices) {
        return choices;
    }
    const auto of = static_cast<std::ptrdiff_t>(call_.best_of);
    std::vector<llm::Choice> best;
    for (std::ptrdiff_t begin = 0; begin < std::ssize(choices); begin += of) {
        const auto rank = [this](const llm::Choice& choice) {
            const ChoiceRun& run = choices_[static_cast<std::size_t>(choice.index)];
            return std::pair(-run.mean_log_probability(), choice.index);
        };
        std::ranges::sort(choices.begin() + begin, choices.begin() + begin + of, {}, rank);
        for (int k = 0; k < call_.choices; ++k) {
            best.push_back(std::move(choices[static_cast<std::size_t>(begin + k)]));
            best.back().index = static_cast<int>(best.size()) - 1;
        }
    }
    return best;
}

llm::Usage EngineCall::usage() const {
    llm::Usage all;
    for (const ChoiceRun& choice : choices_) {
        all.completion_tokens += choice.usage().completion_tokens;
        if (choice.index() % call_.best_of == 0) {  // A prompt counts once.
            all.prompt_tokens += choice.usage().prompt_tokens;
            all.cached_prompt_tokens += choice.usage().cached_prompt_tokens;
        }
    }
    return all;
}

}  // namespace capstan::serving
