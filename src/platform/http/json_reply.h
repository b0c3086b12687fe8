#pragma once

// Between JSON and HTTP: the only place where an Error becomes a status.

#include "base/json.h"
#include "base/result.h"
#include "platform/http/message.h"

namespace capstan::http {

// 400, 401, 403, 404, 409, 413, 429, 499, 500 or 503.
int status_of(ErrorCode code);

// The reverse, for what a server answered to us: 404 is kNotFound, any other 4xx kInvalid, 5xx kUnavailable.
ErrorCode error_code_of(int status);

Response reply(const Json& value, int status = 200);

// The value with `status`, or the error with its own: {"error": {"code", "message", "request_id"}}. The
// server fills in the request id; of kInternal it sends no more than that, and logs the message.
Response reply(const Result<Json>& result, int status = 200);
Response reply(const Error& error);

// 204 without a body, or the error.
Response reply(const Result<void>& result);

// The request's body as a JSON object; kInvalid, with the reason, for anything else.
Result<Json> read_json(const Request& request);

// The body that answers `error` to the request called `request_id`. Logs kInternal.
std::string error_body(const Error& error, std::string_view request_id);

// Puts `response.error`, if any, into the body, with the headers that belong to it (Retry-After,
// WWW-Authenticate).
void render_error(Response& response, std::string_view request_id);

}  // namespace capstan::http
