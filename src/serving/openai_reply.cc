#include "serving/openai_reply.h"

#include <charconv>

#include "base/log.h"

namespace capstan::serving {

llm::OpenAiError openai_shape(const Error& error) {
    if (error.code == ErrorCode::kInternal) {
        log_error("internal error", {{"error", error.message}});
        return llm::openai_error({error.code, "internal error"});
    }
    auto shaped = llm::openai_error(error);
    if (error.code == ErrorCode::kCancelled) {
        shaped.status = 504;
        Json inner = shaped.body["error"];
        inner.set("type", "timeout_error");
        inner.set("code", "deadline_exceeded");
        shaped.body.set("error", std::move(inner));
    }
    return shaped;
}

std::int64_t timeout_of(const http::Request& request) {
    const std::string_view text = request.headers.get("x-request-timeout-ms");
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return read.ec == std::errc() && value > 0 ? value : 0;
}

http::Response openai_error_response(const Error& error) {
    const auto shaped = openai_shape(error);
    http::Response response{.status = shaped.status, .body = shaped.body.dump()};
    if (error.code == ErrorCode::kExhausted || error.code == ErrorCode::kUnavailable) {
        response.headers.add("Retry-After", "1");
    }
    return response;
}

}  // namespace capstan::serving
