#include "security/key_store.h"

#include "platform/sql/statement.h"

namespace capstan::security {
namespace {

std::string_view kind_text(PrincipalKind kind) {
    return kind == PrincipalKind::kUser ? "user" : "service";
}

PrincipalKind kind_from(std::string_view text) {
    return text == "user" ? PrincipalKind::kUser : PrincipalKind::kService;
}

ApiKey key_from(const sql::Row& row) {
    return {
        .id = row.text("id"),
        .project_id = row.text("project_id"),
        .project_name = row.text("project_name"),
        .principal_id = row.text("principal_id"),
        .principal_name = row.text("principal_name"),
        .principal_kind = kind_from(row.text("principal_kind")),
        .name = row.text("name"),
        .role = parse_role(row.text("role")).value_or(Role::kViewer),
        .prefix = row.text("prefix"),
        .created_ms = row.integer("created_ms"),
        .last_used_ms = row.optional_integer("last_used_ms"),
        .revoked_ms = row.optional_integer("revoked_ms"),
    };
}

constexpr std::string_view kSelectKeys =
    "SELECT k.id AS id, k.project_id AS project_id, j.name AS project_name, k.principal_id AS principal_id, "
    "p.name AS principal_name, p.kind AS principal_kind, k.name AS name, k.role AS role, k.prefix AS prefix, "
    "k.secret_sha256 AS secret_sha256, k.created_ms AS created_ms, k.last_used_ms AS last_used_ms, "
    "k.revoked_ms AS revoked_ms FROM api_keys k JOIN projects j ON j.id = k.project_id "
    "JOIN principals p ON p.id = k.principal_id ";

}  // namespace

Project find_or_insert_project(soci::session& session, const Project& fresh) {
    sql::execute(
        session,
        "INSERT INTO projects (id, name, created_ms) VALUES (:id, :name, :created_ms) ON CONFLICT (name) DO "
        "NOTHING",
        {{"id", fresh.id}, {"name", fresh.name}, {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT id, name, created_ms FROM projects WHERE name = :name",
               {{"name", fresh.name}},
               [](const sql::Row& row) {
                   return Project{row.text("id"), row.text("name"), row.integer("created_ms")};
               }
    ).value_or(fresh);
}

Principal find_or_insert_principal(soci::session& session, const Principal& fresh) {
    sql::execute(
        session,
        "INSERT INTO principals (id, name, kind, created_ms) VALUES (:id, :name, :kind, :created_ms) "
        "ON CONFLICT (name) DO NOTHING",
        {{"id", fresh.id},
         {"name", fresh.name},
         {"kind", kind_text(fresh.kind)},
         {"created_ms", fresh.created_ms}}
    );
    return sql::find(
               session,
               "SELECT id, name, kind, created_ms FROM principals WHERE name = :name",
               {{"name", fresh.name}},
               [](const sql::Row& row) {
                   return Principal{
                       row.text("id"),
                       row.text("name"),
                       kind_from(row.text("kind")),
                       row.integer("created_ms")
                   };
               }
    ).value_or(fresh);
}

void insert_key(soci::session& session, const ApiKey& key, std::string_view secret_sha256) {
    sql::execute(
        session,
        "INSERT INTO api_keys (id, project_id, principal_id, name, role, secret_sha256, prefix, created_ms) "
        "VALUES (:id, :project_id, :principal_id, :name, :role, :secret_sha256, :prefix, :created_ms)",
        {{"id", key.id},
         {"project_id", key.project_id},
         {"principal_id", key.principal_id},
         {"name", key.name},
         {"role", name_of(key.role)},
         {"secret_sha256", secret_sha256},
         {"prefix", key.prefix},
         {"created_ms", key.created_ms}}
    );
}

std::vector<std::pair<std::string, ApiKey>> list_active_keys(soci::session& session) {
    return sql::select(
        session,
        std::string(kSelectKeys) + "WHERE k.revoked_ms IS NULL",
        {},
        [](const sql::Row& row) { return std::pair(row.text("secret_sha256"), key_from(row)); }
    );
}

std::vector<ApiKey> list_keys(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        std::string(kSelectKeys) +
            "WHERE k.project_id = :project_id AND (:cursor = '' OR k.id < :cursor) ORDER BY k.id DESC LIMIT "
            ":rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        key_from
    );
}

bool revoke_key(
    soci::session& session, std::string_view project_id, std::string_view id, std::int64_t now_ms
) {
    return sql::execute(
               session,
               "UPDATE api_keys SET revoked_ms = :now_ms WHERE id = :id AND project_id = :project_id AND "
               "revoked_ms IS NULL",
               {{"now_ms", now_ms}, {"id", id}, {"project_id", project_id}}
           ) > 0;
}

void touch_key(soci::session& session, std::string_view id, std::int64_t used_ms) {
    sql::execute(
        session,
        "UPDATE api_keys SET last_used_ms = :used_ms WHERE id = :id",
        {{"used_ms", used_ms}, {"id", id}}
    );
}

bool has_any_key(soci::session& session) {
    return sql::count(session, "SELECT COUNT(*) FROM api_keys") > 0;
}

void insert_audit_event(soci::session& session, const AuditEvent& event) {
    sql::execute(
        session,
        "INSERT INTO audit_events (id, project_id, at_ms, principal_id, principal_name, action, subject, "
        "outcome, detail, "
        "request_id) VALUES (:id, :project_id, :at_ms, :principal_id, :principal_name, :action, :subject, "
        ":outcome, "
        ":detail, :request_id)",
        {{"id", event.id},
         {"project_id", event.project_id},
         {"at_ms", event.at_ms},
         {"principal_id", event.principal_id},
         {"principal_name", event.principal_name},
         {"action", event.action},
         {"subject", event.subject},
         {"outcome", event.outcome},
         {"detail", event.detail},
         {"request_id", event.request_id}}
    );
}

std::vector<AuditEvent> list_audit_events(
    soci::session& session, std::string_view project_id, std::string_view cursor, int rows_max
) {
    return sql::select(
        session,
        "SELECT * FROM audit_events WHERE project_id = :project_id AND (:cursor = '' OR id < :cursor) "
        "ORDER BY id DESC LIMIT :rows_max",
        {{"project_id", project_id}, {"cursor", cursor}, {"rows_max", rows_max}},
        [](const sql::Row& row) {
            return AuditEvent{
                .id = row.text("id"),
                .project_id = row.text("project_id"),
                .at_ms = row.integer("at_ms"),
                .principal_id = row.text("principal_id"),
                .principal_name = row.text("principal_name"),
                .action = row.text("action"),
                .subject = row.text("subject"),
                .outcome = row.text("outcome"),
                .detail = row.text("detail"),
                .request_id = row.text("request_id"),
            };
        }
    );
}

}  // namespace capstan::security
