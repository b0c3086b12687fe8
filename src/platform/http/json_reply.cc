#include "platform/http/json_reply.h"

#include "base/log.h"

namespace capstan::http {

int status_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalid:
            return 400;
        case ErrorCode::kUnauthorized:
            return 401;
        case ErrorCode::kDenied:
            return 403;
        case ErrorCode::kNotFound:
            return 404;
        case ErrorCode::kConflict:
            return 409;
        case ErrorCode::kTooLarge:
            return 413;
        case ErrorCode::kExhausted:
            return 429;
        case ErrorCode::kCancelled:
            return 499;
        case ErrorCode::kUnavailable:
            return 503;
        case ErrorCode::kInternal:
            return 500;
    }
    return 500;  // A value outside the enumeration came from memory corruption; answer as kInternal.
}

ErrorCode error_code_of(int status) {
    switch (status) {
        case 401:
            return ErrorCode::kUnauthorized;
        case 403:
            return ErrorCode::kDenied;
        case 404:
            return ErrorCode::kNotFound;
        case 409:
            return ErrorCode::kConflict;
        case 413:
            return ErrorCode::kTooLarge;
        case 429:
            return ErrorCode::kExhausted;
        case 408:
        case 499:
            return ErrorCode::kCancelled;
        default:
            return status >= 400 && status < 500 ? ErrorCode::kInvalid : ErrorCode::kUnavailable;
    }
}

Response reply(const Json& value, int status) {
    return {.status = status, .body = value.dump()};
}

Response reply(const Result<Json>& result, int status) {
    return result ? reply(*result, status) : reply(result.error());
}

Response reply(const Error& error) {
    return {.status = status_of(error.code), .error = error};
}

Response reply(const Result<void>& result) {
    return result ? Response{.status = 204, .content_type = ""} : reply(result.error());
}

Result<Json> read_json(const Request& request) {
    if (request.body.empty()) {
        return Error{ErrorCode::kInvalid, "the request has no body; send a JSON object"};
    }
    Result<Json> value = parse_json(request.body);
    if (!value) {
        return with_context("the request's body is not JSON", value.error());
    }
    if (!value->is_object()) {
        return Error{ErrorCode::kInvalid, "the request's body is JSON, but not an object"};
    }
    return value;
}

std::string error_body(const Error& error, std::string_view request_id) {
    std::string message = error.message;
    if (error.code == ErrorCode::kInternal) {
        const LogRequestScope scope{std::string(request_id)};
        log_error("internal error", {{"error", error.message}});
        message = "internal error; request id " + std::string(request_id);
    }
    return Json::object(
               {{"error",
                 Json::object(
                     {{"code", name_of(error.code)}, {"message", message}, {"request_id", request_id}}
                 )}}
    ).dump();
}

void render_error(Response& response, std::string_view request_id) {
    if (!response.error) {
        return;
    }
    response.body = error_body(*response.error, request_id);
    response.content_type = "application/json";
    response.file.reset();
    response.source = nullptr;
    if (response.error->code == ErrorCode::kUnauthorized && !response.headers.find("WWW-Authenticate")) {
        response.headers.add("WWW-Authenticate", "Bearer");
    }
    const bool is_worth_a_retry = response.status == 429 || response.status == 503;
    if (is_worth_a_retry && !response.headers.find("Retry-After")) {
        response.headers.add("Retry-After", "1");
    }
    response.error.reset();
}

}  // namespace capstan::http
