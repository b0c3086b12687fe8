#pragma once

// Prices and the ledger. A price is asked for on the path of every call, from a snapshot in memory.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/snapshot.h"
#include "llm/message.h"
#include "platform/sql/database.h"
#include "spend/price.h"

namespace capstan::spend {

// Thread-safe. Blocking, but for `cost_nano_usd`.
class SpendService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        ClockMs now_ms;
    };

    static Result<std::unique_ptr<SpendService>> open(Inputs inputs);

    // By the price of `model` in the project, or else that of "*", or else 0.
    std::int64_t cost_nano_usd(std::string_view project_id, std::string_view model, const llm::Usage& usage)
        const;

    // kInvalid for a price below 0 or over 1 USD a token.
    Result<void> set_price(const Price& price);
    std::vector<Price> prices(std::string_view project_id) const;

    // Inside the caller's transaction. A response that has its entry already changes nothing.
    void record_in(soci::session& session, const LedgerEntry& entry);

    Result<SpendSummary> summary(
        std::string_view project_id, int days
    );  // kInvalid unless 1 <= days <= 3660.

private:
    using Prices = std::map<std::pair<std::string, std::string>, Price>;  // By project and model.

    explicit SpendService(Inputs inputs) : inputs_(std::move(inputs)) {}

    Result<void> reload();

    Inputs inputs_;
    Snapshot<Prices> prices_;
};

}  // namespace capstan::spend
