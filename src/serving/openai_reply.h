#pragma once

// Errors in OpenAI's shape.

#include <string>

#include "base/result.h"
#include "llm/openai_wire.h"
#include "platform/http/message.h"

namespace capstan::serving {

// What the caller is told of an error; our own faults are in the log alone. kCancelled is a deadline that
// passed: who left reads no answer.
llm::OpenAiError openai_shape(const Error& error);

// From the header `x-request-timeout-ms`; 0 when there is none or it is no number.
std::int64_t timeout_of(const http::Request& request);

// With Retry-After where a retry may succeed.
http::Response openai_error_response(const Error& error);

}  // namespace capstan::serving
