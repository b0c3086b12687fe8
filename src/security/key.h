#pragma once

// Who may call: projects, principals and the keys that they show.

#include <cstdint>
#include <optional>
#include <string>

#include "security/permissions.h"

namespace capstan::security {

struct Project {
    std::string id;
    std::string name;
    std::int64_t created_ms = 0;
};

enum class PrincipalKind { kUser, kService };

struct Principal {
    std::string id;
    std::string name;
    PrincipalKind kind = PrincipalKind::kUser;
    std::int64_t created_ms = 0;
};

// One key: the right of a principal to act in a project with a role. The secret itself is not kept.
struct ApiKey {
    std::string id;
    std::string project_id;
    std::string project_name;
    std::string principal_id;
    std::string principal_name;
    PrincipalKind principal_kind = PrincipalKind::kUser;
    std::string name;
    Role role = Role::kViewer;
    std::string prefix;  // The first characters of the secret, for a person to tell keys apart.
    std::int64_t created_ms = 0;
    std::optional<std::int64_t> last_used_ms;
    std::optional<std::int64_t> revoked_ms;
};

struct AuditEvent {
    std::string id;
    std::string project_id;
    std::int64_t at_ms = 0;
    std::string principal_id;
    std::string principal_name;
    std::string action;   // "POST /api/v1/keys", or a verb such as "promote".
    std::string subject;  // What it was done to.
    std::string outcome;  // "allowed", "denied", "failed".
    std::string detail;
    std::string request_id;
};

}  // namespace capstan::security
