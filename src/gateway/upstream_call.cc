#include "gateway/upstream_call.h"

#include <utility>

#include "base/utf8.h"

namespace capstan::gateway {
namespace {

using http::Task;

constexpr std::uint64_t kErrorBodyBytesMax = std::uint64_t{1} << 20;
constexpr std::size_t kMessageBytesMax = 2048;
constexpr std::int64_t kTokensMax = std::int64_t{1} << 30;  // Of a usage that can be meant.

ErrorCode code_of(int status) {
    switch (status) {
        case 400:
        case 422:
            return ErrorCode::kInvalid;
        case 413:
            return ErrorCode::kTooLarge;
        case 429:
            return ErrorCode::kExhausted;
        default:
            return ErrorCode::kUnavailable;
    }
}

Error upstream_error(int status, const std::string& body) {
    const auto json = parse_json(body);
    std::string message = json ? (*json)["error"].string_or("message", "") : "";
    if (message.size() > kMessageBytesMax) {
        message.resize(kMessageBytesMax);
        message = to_utf8(message);
    }
    return {
        code_of(status), message.empty() ? "the model's server answered " + std::to_string(status) : message
    };
}

// A failed exchange is the upstream's fault, unless our own caller is gone.
Task<Error> fault(Error error) {
    if (!co_await http::is_cancelled()) {
        error.code = ErrorCode::kUnavailable;
    }
    co_return error;
}

bool is_plausible(const llm::Usage& usage) {
    return usage.prompt_tokens >= 0 && usage.prompt_tokens <= kTokensMax && usage.completion_tokens >= 0 &&
           usage.completion_tokens <= kTokensMax;
}

}  // namespace

Task<Result<UpstreamCall>> open_upstream(
    http::AsyncClient& client, const Upstream& upstream, const UpstreamRequest& call, std::int64_t idle_ms_max
) {
    Json asked = call.body;
    asked.set("model", upstream.model);
    asked.set("stream", true);
    asked.set("stream_options", Json::object({{"include_usage", true}}));
    const bool is_chat = call.kind == llm::CallKind::kChat;
    http::ClientRequest request;
    request.method = "POST";
    request.url = upstream.url + (is_chat ? "/v1/chat/completions" : "/v1/completions");
    request.headers.add("Content-Type", "application/json");
    request.body = asked.dump();
    request.limits.idle_ms_max = idle_ms_max;
    request.limits.total_ms_max = 0;
    request.limits.body_bytes_max = kErrorBodyBytesMax;
    auto stream = co_await client.open(std::move(request));
    if (!stream) {
        co_return co_await fault(stream.error());
    }
    if (stream->status() != 200) {
        const int status = stream->status();
        const auto body = co_await stream->read_all();
        if (!body && co_await http::is_cancelled()) {
            co_return body.error();
        }
        co_return upstream_error(status, body ? *body : std::string());
    }
    co_return UpstreamCall(std::move(*stream));
}

Result<void> UpstreamCall::take_event(const http::SseEvent& event) {
    if (is_done_) {
        return {};
    }
    if (event.data == "[DONE]") {
        end_.is_end = true;
        parts_.push_back(end_);
        is_done_ = true;
        return {};
    }
    auto json = parse_json(event.data);
    if (!json) {
        return Error{ErrorCode::kUnavailable, "the model's server sent a chunk that is not JSON"};
    }
    auto part = llm::parse_answer_part(*json);
    if (!part) {
        return part.error();
    }
    if (!part->finish_reason.empty()) {
        end_.finish_reason = part->finish_reason;
    }
    if (part->has_usage && is_plausible(part->usage)) {
        end_.usage = part->usage;
    }
    if (const auto* choices = (*json)["choices"].as_array(); choices != nullptr && !choices->empty()) {
        parts_.push_back(
            {.chunk = std::move(*json),
             .text = std::move(part->text),
             .is_finishing = !part->finish_reason.empty()}
        );
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
            co_return co_await fault(bytes.error());
        }
        if (bytes->empty()) {
            co_return Error{
                ErrorCode::kUnavailable, "the model's server broke off in the middle of its answer"
            };
        }
        if (auto taken = take(*bytes); !taken) {
            co_return co_await fault(taken.error());
        }
    }
    UpstreamPart part = std::move(parts_.front());
    parts_.pop_front();
    co_return part;
}

}  // namespace capstan::gateway
