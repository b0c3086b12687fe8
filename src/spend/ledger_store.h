#pragma once

// Rows of prices and ledger_entries. SQL lives here and nowhere else in spend.

#include <string_view>
#include <vector>

#include "spend/price.h"

namespace soci {
class session;
}

namespace capstan::spend {

void upsert_price(soci::session& session, const Price& price, std::int64_t now_ms);
std::vector<Price> list_prices(soci::session& session);

// False when the response has its entry already.
bool insert_entry(soci::session& session, const LedgerEntry& entry);

// Sums since `from_ms`, grouped by one of the columns deployment and key_id; dearest first.
enum class SpendGroup { kDeployment, kKey };
std::vector<SpendLine> sum_entries(
    soci::session& session, std::string_view project_id, std::int64_t from_ms, SpendGroup group
);

}  // namespace capstan::spend
