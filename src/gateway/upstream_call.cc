#include "gateway/upstream_call.h"

#include <utility>

#include "platform/http/json_reply.h"

namespace capstan::gateway {
namespace {

using http::Task;

constexpr std::int64_t kUpstreamIdleMsMax = 120'000;  // Between two tokens, and for a prompt to be read.

Error upstream_error(int status, const std::string& body) {
    const ErrorCode code = status >= 500 ? ErrorCode::kUnavailable : http::error_code_of(status);
    const auto json = parse_json(body);
    const std::string message = json ? (*json)["error"].string_or("message", "") : "";
    return {code, message.empty() ? "the model's server answered " + std::to_string(status) : message};
}

}  // namespace

Task<Result<UpstreamCall>> open_upstream(
    http::AsyncClient& client, const Upstream& upstream, const llm::OpenAiCall& call
) {
    llm::OpenAiCall asked = call;
    asked.model = upstream.model;
    asked.stream = true;
    asked.include_usage = true;
    asked.echo = false;
    const bool is_chat = call.kind == llm::CallKind::kChat;
    http::ClientRequest request;
    request.method = "POST";
    request.url = upstream.url + (is_chat ? "/v1/chat/completions" : "/v1/completions");
    request.headers.add("Content-Type", "application/json");
    request.body = llm::request_body(asked).dump();
    request.limits.idle_ms_max = kUpstreamIdleMsMax;
    request.limits.total_ms_max = 0;
    auto stream = co_await client.open(std::move(request));
    if (!stream) {
        co_return stream.error();
    }
    if (stream->status() != 200) {
        const int status = stream->status();
        auto body = co_await stream->read_all();
        co_return upstream_error(status, body ? *body : std::string());
    }
    co_return UpstreamCall(std::move(*stream));
}

Result<void> UpstreamCall::take_event(const http::SseEvent& event) {
    if (event.data == "[DONE]") {
        end_.is_end = true;
        parts_.push_back(end_);
        is_done_ = true;
        return {};
    }
    const auto json = parse_json(event.data);
    if (!json) {
        return Error{ErrorCode::kUnavailable, "the model's server sent a chunk that is not JSON"};
    }
    auto part = llm::parse_answer_part(*json);
    if (!part) {
        return part.error();
    }
    if (!part->text.empty()) {
        parts_.push_back({.text = std::move(part->text)});
    }
    if (!part->finish_reason.empty()) {
        end_.finish_reason = std::move(part->finish_reason);
    }
    if (part->has_usage) {
        end_.usage = part->usage;
    }
    return {};
}

Result<void> UpstreamCall::take(std::string_view bytes) {
    return parser_.feed(bytes, [this](const http::SseEvent& event) { return take_event(event); });
}

Task<Result<UpstreamPart>> UpstreamCall::next() {
    while (parts_.empty()) {
        if (is_done_) {
            co_return Error{ErrorCode::kInternal, "the answer was read past its end"};
        }
        auto bytes = co_await stream_.read();
        if (!bytes) {
            co_return bytes.error();
        }
        if (bytes->empty()) {
            co_return Error{
                ErrorCode::kUnavailable, "the model's server broke off in the middle of its answer"
            };
        }
        if (auto taken = take(*bytes); !taken) {
            co_return taken.error();
        }
    }
    UpstreamPart part = std::move(parts_.front());
    parts_.pop_front();
    co_return part;
}

}  // namespace capstan::gateway
