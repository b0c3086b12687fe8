#pragma once

// Rows of projects, principals, api_keys and audit_events. SQL lives here and nowhere else in security.

#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "security/key.h"

namespace soci {
class session;
}

namespace capstan::security {

// The project or principal of that name, made with the given id when there is none.
Project find_or_insert_project(soci::session& session, const Project& fresh);
Principal find_or_insert_principal(soci::session& session, const Principal& fresh);

void insert_key(soci::session& session, const ApiKey& key, std::string_view secret_sha256);

// All keys that are not revoked, each with the hash of its secret.
std::vector<std::pair<std::string, ApiKey>> list_active_keys(soci::session& session);

// Newest first, from before `cursor` (an id; empty for the start).
std::vector<ApiKey> list_keys(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

// False when the project has no such key, or it is revoked already.
bool revoke_key(
    soci::session& session, std::string_view project_id, std::string_view id, std::int64_t now_ms
);

void touch_key(soci::session& session, std::string_view id, std::int64_t used_ms);

bool has_any_key(soci::session& session);

void insert_audit_event(soci::session& session, const AuditEvent& event);
std::vector<AuditEvent> list_audit_events(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
);

}  // namespace capstan::security
