#include "security/change_audit.h"

#include <string>
#include <utility>

#include "base/json.h"

namespace capstan::security {
namespace {

constexpr std::size_t kSubjectBytesMax = 512;
constexpr int kFirstErrorStatus = 400;

bool is_audited(const http::Route& route) {
    return route.method != "GET" && route.permission != http::kPublic && route.permission != "feedback.write";
}

// "/api/v1/keys" is no subject when the answer names the key that was made.
std::string subject_of(const http::Request& request, const http::Response& response) {
    std::string subject = request.path;
    const bool made = response.status == 201 || response.status == 202;
    if (const auto body = parse_json(response.body); body && made) {
        for (const char* name : {"id", "run_id", "job_id"}) {
            if (const std::string* id = (*body)[name].as_string()) {
                subject += "/" + *id;
                break;
            }
        }
    }
    return subject.substr(0, kSubjectBytesMax);
}

AuditEvent event_of(const http::Request& request, const http::Response& response) {
    const bool is_done = response.status < kFirstErrorStatus && !response.error;
    return {
        .project_id = request.principal.project_id,
        .principal_id = request.principal.id,
        .principal_name = request.principal.name,
        .action = request.method + " " + request.pattern,
        .subject = subject_of(request, response),
        .outcome = is_done ? "allowed" : "failed",
        .detail = response.error ? response.error->message : "",
        .request_id = request.request_id,
    };
}

}  // namespace

void audit_changes(http::Router& router, KeyService& keys) {
    router.wrap_handlers([&keys](const http::Route& route, http::Handler handler) -> http::Handler {
        if (!is_audited(route)) {
            return handler;
        }
        return [&keys, handler = std::move(handler)](const http::Request& request) {
            http::Response response = handler(request);
            keys.audit(event_of(request, response));
            return response;
        };
    });
}

}  // namespace capstan::security
