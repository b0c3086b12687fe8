#pragma once

// Capstan's HTTP API, called by the command line and by the quickstart.

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "platform/http/client.h"

namespace capstan::app {

class ApiClient {
public:
    // `url` such as "http://127.0.0.1:8080"; `key` may be empty.
    ApiClient(std::string url, std::string key);

    // The answer's JSON; null for an answer without a body. The server's own error otherwise, with its code;
    // kUnavailable when it cannot be reached.
    Result<Json> get(const std::string& path);
    Result<Json> call(std::string_view method, const std::string& path, const std::optional<Json>& body);

    const std::string& url() const { return url_; }

    const std::string& key() const { return key_; }

    http::Client& http() { return client_; }

private:
    std::string url_;
    std::string key_;
    http::Client client_;
};

}  // namespace capstan::app
