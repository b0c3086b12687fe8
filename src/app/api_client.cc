#include "app/api_client.h"

#include <utility>

#include "platform/http/json_reply.h"

namespace capstan::app {
namespace {

http::ClientOptions options_for(const std::string& key) {
    http::ClientOptions options;
    if (!key.empty()) {
        options.headers.add("Authorization", "Bearer " + key);
    }
    return options;
}

Error error_of(const http::ClientResponse& response) {
    const ErrorCode code = http::error_code_of(response.status);
    const auto json = parse_json(response.body);
    const std::string message = json ? (*json)["error"].string_or("message", "") : "";
    return {code, message.empty() ? "the server answered " + std::to_string(response.status) : message};
}

}  // namespace

ApiClient::ApiClient(std::string url, std::string key)
    : url_(std::move(url)), key_(std::move(key)), client_(options_for(key_)) {}

Result<Json> ApiClient::get(const std::string& path) {
    return call("GET", path, std::nullopt);
}

Result<Json> ApiClient::call(
    std::string_view method, const std::string& path, const std::optional<Json>& body
) {
    http::ClientRequest request;
    request.method = std::string(method);
    request.url = url_ + path;
    if (body) {
        request.headers.add("Content-Type", "application/json");
        request.body = body->dump();
    }
    const auto response = client_.send(request);
    if (!response) {
        return with_context("no answer from " + url_, response.error());
    }
    if (!response->is_ok()) {
        return error_of(*response);
    }
    return response->body.empty() ? Result<Json>(Json()) : parse_json(response->body);
}

}  // namespace capstan::app
