#include "serving/load_run.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/json.h"
#include "platform/http/client.h"
#include "platform/http/worker_pool.h"

namespace capstan::serving {
namespace {

constexpr std::string_view kWords[] = {"the ", "a ", "of ", "to ", "in ", "is ", "on ", "at "};

Json request_json(const LoadTarget& target, const PlannedCall& call) {
    Json body = Json::object(
        {{"model", call.model},
         {"max_tokens", call.completion_tokens},
         {"temperature", 0.0},
         {"stream", true},
         {"stream_options", Json::object({{"include_usage", true}})}}
    );
    if (target.ignores_end) {
        body.set("ignore_eos", true);
    }
    if (!target.is_chat) {
        body.set("prompt", Json::array_of(call.prompt));
        return body;
    }
    std::string text;
    for (const std::int32_t token : call.prompt) {
        text += kWords[static_cast<std::size_t>(token) % std::size(kWords)];
    }
    body.set("messages", Json::array({Json::object({{"role", "user"}, {"content", std::move(text)}})}));
    return body;
}

// Notes what one chunk of a stream says.
Result<void> note_chunk(const Json& chunk, std::int64_t now_us, CallRecord& record) {
    if (!chunk["error"].is_null()) {
        return Error{ErrorCode::kUnavailable, chunk["error"].string_or("message", "an error in the stream")};
    }
    if (const Json& usage = chunk["usage"]; usage.is_object()) {
        record.prompt_tokens = usage.int_or("prompt_tokens", 0);
        record.completion_tokens = usage.int_or("completion_tokens", 0);
        record.cached_tokens = usage["prompt_tokens_details"].int_or("cached_tokens", 0);
    }
    const auto* choices = chunk["choices"].as_array();
    if (choices == nullptr || choices->empty()) {
        return {};
    }
    const Json& choice = choices->front();
    const bool has_text =
        !choice.string_or("text", "").empty() || !choice["delta"].string_or("content", "").empty();
    if (has_text) {
        record.pieces_us.push_back(now_us);
    }
    return {};
}

class LoadRun {
public:
    explicit LoadRun(const LoadTarget& target) : target_(target), client_(options(target)) {}

    std::int64_t now_us() const { return monotonic_now_us() - begin_us_; }

    void call(const PlannedCall& planned, CallRecord& record) {
        record.sent_us = now_us();
        record.late_us = record.sent_us - planned.at_us;
        http::ClientRequest request = {
            .method = "POST",
            .url = target_.url + (target_.is_chat ? "/v1/chat/completions" : "/v1/completions"),
            .body = request_json(target_, planned).dump(),
        };
        request.headers.add("Content-Type", "application/json");
        request.limits.total_ms_max = target_.call_ms_max;
        request.limits.idle_ms_max = target_.call_ms_max;
        bool is_done = false;
        const auto response = client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
            if (event.data == "[DONE]") {
                is_done = true;
                return {};
            }
            const auto chunk = parse_json(event.data);
            return chunk ? note_chunk(*chunk, now_us(), record) : chunk.error();
        });
        record.end_us = now_us();
        if (!response) {
            record.error = response.error().message;
            return;
        }
        record.status = response->status;
        if (!response->is_ok()) {
            record.error = fmt::format("status {}: {}", response->status, response->body.substr(0, 200));
        } else if (!is_done) {
            record.error = "the stream ended before [DONE]";
        }
        if (record.completion_tokens == 0) {  // A server that tells no usage: a piece is a token.
            record.completion_tokens = std::ssize(record.pieces_us);
        }
    }

private:
    static http::ClientOptions options(const LoadTarget& target) {
        http::ClientOptions options = {
            .idle_connections_max = static_cast<std::size_t>(target.under_way_max)
        };
        if (!target.key.empty()) {
            options.headers.add("Authorization", "Bearer " + target.key);
        }
        return options;
    }

    const LoadTarget& target_;
    http::Client client_;
    std::int64_t begin_us_ = monotonic_now_us();
};

}  // namespace

std::vector<CallRecord> run_load(
    const LoadTarget& target,
    const std::vector<PlannedCall>& calls,
    const std::function<void(std::int64_t ended)>& on_progress
) {
    std::vector<CallRecord> records(calls.size());
    std::atomic<std::int64_t> ended = 0;
    LoadRun run(target);
    {
        http::WorkerPool pool(target.under_way_max, 0);
        for (std::size_t i = 0; i < calls.size(); ++i) {
            const std::int64_t wait_us = calls[i].at_us - run.now_us();
            if (wait_us > 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(wait_us));
            }
            const bool is_sent = pool.submit([&, i] {
                run.call(calls[i], records[i]);
                on_progress(++ended);
            });
            if (!is_sent) {
                records[i].sent_us = calls[i].at_us;
                records[i].end_us = calls[i].at_us;
                records[i].error = fmt::format("not sent: {} requests were under way", target.under_way_max);
                on_progress(++ended);
            }
        }
        while (ended < std::ssize(calls)) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    return records;
}

}  // namespace capstan::serving
