#include "spend/ledger_store.h"

#include <string>

#include "platform/sql/statement.h"

namespace capstan::spend {

void upsert_price(soci::session& session, const Price& price, std::int64_t now_ms) {
    sql::execute(
        session,
        "INSERT INTO prices (project_id, model, prompt_nano_usd_per_token, completion_nano_usd_per_token, "
        "updated_ms) "
        "VALUES (:project_id, :model, :prompt, :completion, :now_ms) ON CONFLICT (project_id, model) DO "
        "UPDATE SET "
        "prompt_nano_usd_per_token = excluded.prompt_nano_usd_per_token, "
        "completion_nano_usd_per_token = excluded.completion_nano_usd_per_token, updated_ms = "
        "excluded.updated_ms",
        {{"project_id", price.project_id},
         {"model", price.model},
         {"prompt", price.prompt_nano_usd_per_token},
         {"completion", price.completion_nano_usd_per_token},
         {"now_ms", now_ms}}
    );
}

std::vector<Price> list_prices(soci::session& session) {
    return sql::select(
        session,
        "SELECT * FROM prices ORDER BY project_id, model",
        {},
        [](const sql::Row& row) {
            return Price{
                row.text("project_id"),
                row.text("model"),
                row.integer("prompt_nano_usd_per_token"),
                row.integer("completion_nano_usd_per_token")
            };
        }
    );
}

bool insert_entry(soci::session& session, const LedgerEntry& entry) {
    return sql::execute(
               session,
               "INSERT INTO ledger_entries (response_id, project_id, at_ms, key_id, deployment, target_id, "
               "model, "
               "prompt_tokens, completion_tokens, cost_nano_usd) VALUES (:response_id, :project_id, :at_ms, "
               ":key_id, "
               ":deployment, :target_id, :model, :prompt_tokens, :completion_tokens, :cost_nano_usd) "
               "ON CONFLICT (response_id) DO NOTHING",
               {{"response_id", entry.response_id},
                {"project_id", entry.project_id},
                {"at_ms", entry.at_ms},
                {"key_id", entry.key_id},
                {"deployment", entry.deployment},
                {"target_id", entry.target_id},
                {"model", entry.model},
                {"prompt_tokens", entry.prompt_tokens},
                {"completion_tokens", entry.completion_tokens},
                {"cost_nano_usd", entry.cost_nano_usd}}
           ) > 0;
}

std::vector<SpendLine> sum_entries(
    soci::session& session, std::string_view project_id, std::int64_t from_ms, SpendGroup group
) {
    const std::string column = group == SpendGroup::kDeployment ? "deployment" : "key_id";
    // PostgreSQL sums BIGINT as NUMERIC; the casts keep whole numbers whole.
    const std::string query =
        "SELECT " + column +
        " AS name, COUNT(*) AS calls, CAST(SUM(prompt_tokens) AS BIGINT) AS prompt_tokens, "
        "CAST(SUM(completion_tokens) AS BIGINT) AS completion_tokens, "
        "CAST(SUM(cost_nano_usd) AS BIGINT) AS cost_nano_usd FROM ledger_entries "
        "WHERE project_id = :project_id AND at_ms >= :from_ms GROUP BY " +
        column + " ORDER BY 5 DESC, 1 LIMIT 1000";
    return sql::select(
        session,
        query,
        {{"project_id", project_id}, {"from_ms", from_ms}},
        [](const sql::Row& row) {
            return SpendLine{
                row.text("name"),
                row.integer("calls"),
                row.integer("prompt_tokens"),
                row.integer("completion_tokens"),
                row.integer("cost_nano_usd")
            };
        }
    );
}

}  // namespace capstan::spend
