#include "security/key_service.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "security/key_store.h"

namespace capstan::security {
namespace {

constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kSecretRandomBytes = 32;
constexpr std::size_t kPrefixChars = 8;
constexpr std::size_t kSecretBytesMax = 256;

// "cap_" and 64 hexadecimal digits: 256 random bits.
std::string new_secret() {
    const std::string random = random_bytes(kSecretRandomBytes);
    const auto* data = reinterpret_cast<const std::uint8_t*>(random.data());
    return "cap_" + to_hex({data, random.size()});
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameBytesMax;
}

}  // namespace

Result<std::unique_ptr<KeyService>> KeyService::open(Inputs inputs) {
    auto service = std::unique_ptr<KeyService>(new KeyService(std::move(inputs)));
    if (auto loaded = service->reload(); !loaded) {
        return loaded.error();
    }
    return service;
}

Result<void> KeyService::reload() {
    return active_keys_.reload([this] {
        return inputs_.database.read([](soci::session& session) -> Result<Keys> {
            Keys fresh;
            for (auto& [hash, key] : list_active_keys(session)) {
                fresh.emplace(std::move(hash), std::move(key));
            }
            return fresh;
        });
    });
}

Result<MadeKey> KeyService::insert(ApiKey key, std::string_view principal_name, PrincipalKind kind) {
    const std::string secret = new_secret();
    key.id = inputs_.next_id();
    key.prefix = secret.substr(0, kPrefixChars);
    key.created_ms = inputs_.now_ms();
    const Principal fresh{inputs_.next_id(), std::string(principal_name), kind, key.created_ms};
    auto made = inputs_.database.transact([&](soci::session& session) -> Result<ApiKey> {
        ApiKey full = key;
        if (full.project_id.empty()) {
            const auto project =
                find_or_insert_project(session, {inputs_.next_id(), "default", key.created_ms});
            full.project_id = project.id;
            full.project_name = project.name;
        }
        const Principal principal = find_or_insert_principal(session, fresh);
        full.principal_id = principal.id;
        full.principal_name = principal.name;
        full.principal_kind = principal.kind;
        insert_key(session, full, sha256_hex(secret));
        return full;
    });
    if (!made) {
        return made.error();
    }
    if (auto loaded = reload(); !loaded) {
        return loaded.error();
    }
    return MadeKey{std::move(*made), secret};
}

Result<MadeKey> KeyService::bootstrap() {
    const auto any =
        inputs_.database.read([](soci::session& session) { return Result<bool>(has_any_key(session)); });
    if (!any) {
        return any.error();
    }
    if (*any) {
        return Error{
            ErrorCode::kConflict, "this installation has keys already; make another with 'capstan key create'"
        };
    }
    return insert({.name = "first admin key", .role = Role::kAdmin}, "admin", PrincipalKind::kUser);
}

Result<ApiKey> KeyService::authenticate(std::string_view secret) const {
    if (!secret.empty() && secret.size() <= kSecretBytesMax) {
        // A lookup by hash: how long it takes tells nothing about how much of a secret was right.
        const auto keys = active_keys_.load();
        const auto found = keys->find(sha256_hex(secret));
        if (found != keys->end()) {
            const std::scoped_lock lock(used_mutex_);
            used_ms_[found->second.id] = inputs_.now_ms();
            return found->second;
        }
    }
    return Error{
        ErrorCode::kUnauthorized, "the API key is unknown or revoked; send 'Authorization: Bearer cap_…'"
    };
}

Result<MadeKey> KeyService::create(const ApiKey& creator, const NewKey& asked) {
    if (!is_name(asked.name) || !is_name(asked.principal_name)) {
        return Error{ErrorCode::kInvalid, "'name' and 'principal' must have 1 to 200 bytes"};
    }
    if (asked.role > creator.role) {
        return Error{ErrorCode::kDenied, "a key cannot have more rights than the one that makes it"};
    }
    ApiKey key{.project_id = creator.project_id, .project_name = creator.project_name};
    key.name = asked.name;
    key.role = asked.role;
    return insert(std::move(key), asked.principal_name, PrincipalKind::kService);
}

Result<std::vector<ApiKey>> KeyService::list(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<ApiKey>>(list_keys(session, project_id, cursor, rows_max));
    });
}

Result<void> KeyService::revoke(std::string_view project_id, std::string_view id) {
    auto revoked = inputs_.database.transact([&](soci::session& session) -> Result<void> {
        const auto keys = list_active_keys(session);
        const auto is_admin_elsewhere = [&](const auto& entry) {
            return entry.second.project_id == project_id && entry.second.role == Role::kAdmin &&
                   entry.second.id != id;
        };
        if (std::ranges::none_of(keys, is_admin_elsewhere)) {
            return Error{
                ErrorCode::kConflict, "this is the project's last admin key; make another one first"
            };
        }
        if (!revoke_key(session, project_id, id, inputs_.now_ms())) {
            return Error{ErrorCode::kNotFound, "no active key " + std::string(id)};
        }
        return {};
    });
    return revoked ? reload() : revoked;
}

Result<void> KeyService::flush_last_used() {
    std::unordered_map<std::string, std::int64_t> used;
    {
        const std::scoped_lock lock(used_mutex_);
        used.swap(used_ms_);
    }
    if (used.empty()) {
        return {};
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<void> {
        for (const auto& [id, used_ms] : used) {
            touch_key(session, id, used_ms);
        }
        return {};
    });
}

void KeyService::audit(AuditEvent event) {
    event.id = inputs_.next_id();
    event.at_ms = inputs_.now_ms();
    const auto written = inputs_.database.transact([&](soci::session& session) -> Result<void> {
        insert_audit_event(session, event);
        return {};
    });
    if (!written) {
        log_error(
            "audit event lost",
            {{"action", event.action}, {"subject", event.subject}, {"reason", written.error().message}}
        );
    }
}

Result<std::vector<AuditEvent>> KeyService::audit_events(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<AuditEvent>>(list_audit_events(session, project_id, cursor, rows_max));
    });
}

}  // namespace capstan::security
