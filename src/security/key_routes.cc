#include "security/key_routes.h"

#include <string>

#include "platform/http/json_reply.h"
#include "platform/http/page.h"
#include "security/authenticator.h"

namespace capstan::security {
namespace {

Json time_json(std::optional<std::int64_t> time_ms) {
    return time_ms ? Json(rfc3339(*time_ms)) : Json();
}

Json key_json(const ApiKey& key) {
    return Json::object(
        {{"id", key.id},
         {"name", key.name},
         {"principal", key.principal_name},
         {"role", name_of(key.role)},
         {"prefix", key.prefix},
         {"created_at", rfc3339(key.created_ms)},
         {"last_used_at", time_json(key.last_used_ms)},
         {"revoked_at", time_json(key.revoked_ms)}}
    );
}

Json me_json(const ApiKey& key) {
    return Json::object(
        {{"principal",
          Json::object(
              {{"id", key.principal_id},
               {"name", key.principal_name},
               {"kind", key.principal_kind == PrincipalKind::kUser ? "user" : "service"}}
          )},
         {"project", Json::object({{"id", key.project_id}, {"name", key.project_name}})},
         {"role", name_of(key.role)},
         {"permissions", Json::array_of(permissions_of(key.role))}}
    );
}

Json audit_json(const AuditEvent& event) {
    return Json::object(
        {{"id", event.id},
         {"at", rfc3339(event.at_ms)},
         {"principal", event.principal_name},
         {"action", event.action},
         {"subject", event.subject},
         {"outcome", event.outcome},
         {"detail", event.detail},
         {"request_id", event.request_id}}
    );
}

http::Response create_key(KeyService& keys, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto name = body->get_string("name");
    if (!name) {
        return http::reply(name.error());
    }
    const auto role = parse_role(body->string_or("role", "viewer"));
    if (!role) {
        return http::reply(role.error());
    }
    const NewKey asked{.name = *name, .principal_name = body->string_or("principal", *name), .role = *role};
    const auto made = keys.create(key_of(request), asked);
    if (!made) {
        return http::reply(made.error());
    }
    Json json = key_json(made->key);
    json.set("key", made->secret);
    return http::reply(json, 201);
}

http::Response list_page(KeyService& keys, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = keys.list(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, key_json, [](const ApiKey& key) { return key.id; }));
}

http::Response audit_page(KeyService& keys, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    const auto rows = keys.audit_events(request.principal.project_id, page->cursor, page->rows_max());
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, audit_json, [](const AuditEvent& event) {
        return event.id;
    }));
}

http::Response revoke(KeyService& keys, const http::Request& request) {
    return http::reply(keys.revoke(request.principal.project_id, request.param("id")));
}

}  // namespace

void add_key_routes(http::Router& router, KeyService& keys) {
    router.get("/api/v1/me", "self.read", [](const http::Request& request) {
        return http::reply(me_json(key_of(request)));
    });
    router.get("/api/v1/keys", "keys.admin", [&keys](const http::Request& request) {
        return list_page(keys, request);
    });
    router.post("/api/v1/keys", "keys.admin", [&keys](const http::Request& request) {
        return create_key(keys, request);
    });
    router.del("/api/v1/keys/{id}", "keys.admin", [&keys](const http::Request& request) {
        return revoke(keys, request);
    });
    router.get("/api/v1/audit", "audit.read", [&keys](const http::Request& request) {
        return audit_page(keys, request);
    });
}

}  // namespace capstan::security
