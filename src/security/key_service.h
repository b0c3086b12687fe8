#pragma once

// Keys: making, checking, listing and revoking them; and the audit log.
//
// A check reads a snapshot in memory, never SQL: it is on the path of every request. The snapshot is replaced
// whenever a key is made or revoked here, so a revocation acts on the next request of this server.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "base/snapshot.h"
#include "platform/sql/database.h"
#include "security/key.h"

namespace capstan::security {

struct NewKey {
    std::string name;            // 1 to 200 bytes.
    std::string principal_name;  // 1 to 200 bytes; made, as a service, when it is new.
    Role role = Role::kViewer;
};

struct MadeKey {
    ApiKey key;
    std::string secret;  // Shown once; only its hash is kept.
};

// Thread-safe. Blocking, but for `authenticate`.
class KeyService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        IdSource next_id;
        ClockMs now_ms;
    };

    static Result<std::unique_ptr<KeyService>> open(Inputs inputs);

    // On a database without any key: the project "default", the user "admin" and a key with role admin.
    // Otherwise kConflict.
    Result<MadeKey> bootstrap();

    // kUnauthorized for an unknown or revoked secret.
    Result<ApiKey> authenticate(std::string_view secret) const;

    Result<MadeKey> create(const ApiKey& creator, const NewKey& asked);
    Result<std::vector<ApiKey>> list(std::string_view project_id, std::string_view cursor, int rows_max);
    // kNotFound when the project has no such active key; kConflict for the last admin key of the project.
    Result<void> revoke(std::string_view project_id, std::string_view id);

    // Writes down when keys were last used. Called now and then by the server.
    Result<void> flush_last_used();

    // Never fails a request: what cannot be written is logged.
    void audit(AuditEvent event);
    Result<std::vector<AuditEvent>> audit_events(
        std::string_view project_id, std::string_view cursor, int rows_max
    );

private:
    using Keys = std::unordered_map<std::string, ApiKey>;  // By hash of the secret.

    explicit KeyService(Inputs inputs) : inputs_(std::move(inputs)) {}

    Result<void> reload();
    Result<MadeKey> insert(ApiKey key, std::string_view principal_name, PrincipalKind kind);

    Inputs inputs_;
    Snapshot<Keys> active_keys_;
    mutable std::mutex used_mutex_;
    mutable std::unordered_map<std::string, std::int64_t>
        used_ms_;  // By key id, since the last flush. Guarded by used_mutex_.
};

}  // namespace capstan::security
