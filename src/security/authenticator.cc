#include "security/authenticator.h"

#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/check.h"

namespace capstan::security {
namespace {

bool starts_with_scheme(std::string_view header, std::string_view scheme) {
    return header.size() > scheme.size() && http::same_name(header.substr(0, scheme.size()), scheme) &&
           header[scheme.size()] == ' ';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') {
        text.remove_prefix(1);
    }
    while (!text.empty() && text.back() == ' ') {
        text.remove_suffix(1);
    }
    return text;
}

// The secret in a request's headers; empty when there is none.
std::string secret_of(const http::Request& request) {
    const std::string_view header = request.headers.get("authorization");
    if (starts_with_scheme(header, "Bearer")) {
        return std::string(trimmed(header.substr(6)));
    }
    if (starts_with_scheme(header, "Basic")) {
        const auto decoded = decode_base64(trimmed(header.substr(5)));
        const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
        return colon != std::string::npos ? decoded->substr(colon + 1) : std::string();
    }
    return std::string(request.headers.get("x-api-key"));
}

AuditEvent refusal(const http::Request& request, const ApiKey& key, std::string_view permission) {
    return {
        .project_id = key.project_id,
        .principal_id = key.principal_id,
        .principal_name = key.principal_name,
        .action = request.method + " " + request.pattern,
        .subject = request.path.substr(0, 512),
        .outcome = "denied",
        .detail = fmt::format("role {} lacks {}", name_of(key.role), permission),
        .request_id = request.request_id,
    };
}

}  // namespace

http::Authenticator make_authenticator(KeyService& keys) {
    return [&keys](const http::Request& request, const http::Route& route) -> Result<http::Principal> {
        const std::string secret = secret_of(request);
        if (secret.empty()) {
            return Error{
                ErrorCode::kUnauthorized, "this needs an API key; send 'Authorization: Bearer cap_…'"
            };
        }
        auto key = keys.authenticate(secret);
        if (!key) {
            return key.error();
        }
        if (!may(key->role, route.permission)) {
            keys.audit(refusal(request, *key, route.permission));
            return Error{
                ErrorCode::kDenied,
                fmt::format(
                    "the key's role '{}' lacks the permission '{}'", name_of(key->role), route.permission
                )
            };
        }
        http::Principal principal{
            .id = key->principal_id,
            .name = key->principal_name,
            .project_id = key->project_id,
            .key_id = key->id,
            .detail = {}
        };
        principal.detail = std::make_shared<const ApiKey>(std::move(*key));
        return principal;
    };
}

const ApiKey& key_of(const http::Request& request) {
    CHECK(request.principal.detail != nullptr, "the request passed no authenticator");
    return *static_cast<const ApiKey*>(request.principal.detail.get());
}

}  // namespace capstan::security
