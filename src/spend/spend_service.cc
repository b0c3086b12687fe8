#include "spend/spend_service.h"

#include "spend/ledger_store.h"

namespace capstan::spend {
namespace {

constexpr std::int64_t kNanoUsdPerTokenMax = 1'000'000'000;
constexpr std::size_t kModelBytesMax = 200;
constexpr int kDaysMax = 3660;
constexpr std::int64_t kMsPerDay = 86'400'000;

bool is_price(std::int64_t nano_usd) {
    return nano_usd >= 0 && nano_usd <= kNanoUsdPerTokenMax;
}

}  // namespace

Result<std::unique_ptr<SpendService>> SpendService::open(Inputs inputs) {
    auto service = std::unique_ptr<SpendService>(new SpendService(std::move(inputs)));
    if (auto loaded = service->reload(); !loaded) {
        return loaded.error();
    }
    return service;
}

Result<void> SpendService::reload() {
    return prices_.reload([this] {
        return inputs_.database.read([](soci::session& session) -> Result<Prices> {
            Prices fresh;
            for (Price& price : list_prices(session)) {
                fresh.emplace(std::pair(price.project_id, price.model), std::move(price));
            }
            return fresh;
        });
    });
}

std::int64_t SpendService::cost_nano_usd(
    std::string_view project_id, std::string_view model, const llm::Usage& usage
) const {
    const auto prices = prices_.load();
    auto found = prices->find({std::string(project_id), std::string(model)});
    if (found == prices->end()) {
        found = prices->find({std::string(project_id), "*"});
    }
    if (found == prices->end()) {
        return 0;
    }
    return usage.prompt_tokens * found->second.prompt_nano_usd_per_token +
           usage.completion_tokens * found->second.completion_nano_usd_per_token;
}

Result<void> SpendService::set_price(const Price& price) {
    if (price.model.empty() || price.model.size() > kModelBytesMax) {
        return Error{ErrorCode::kInvalid, "'model' must have 1 to 200 bytes"};
    }
    if (!is_price(price.prompt_nano_usd_per_token) || !is_price(price.completion_nano_usd_per_token)) {
        return Error{ErrorCode::kInvalid, "a price is from 0 to 1,000,000 USD a million tokens"};
    }
    const auto written = inputs_.database.transact([&](soci::session& session) -> Result<void> {
        upsert_price(session, price, inputs_.now_ms());
        return {};
    });
    return written ? reload() : written;
}

std::vector<Price> SpendService::prices(std::string_view project_id) const {
    std::vector<Price> found;
    const auto all = prices_.load();
    for (const auto& [key, price] : *all) {
        if (key.first == project_id) {
            found.push_back(price);
        }
    }
    return found;
}

void SpendService::record_in(soci::session& session, const LedgerEntry& entry) {
    insert_entry(session, entry);
}

Result<SpendSummary> SpendService::summary(std::string_view project_id, int days) {
    if (days < 1 || days > kDaysMax) {
        return Error{ErrorCode::kInvalid, "'days' must be from 1 to 3660"};
    }
    const std::int64_t from_ms = inputs_.now_ms() - days * kMsPerDay;
    return inputs_.database.read([&](soci::session& session) -> Result<SpendSummary> {
        SpendSummary summary{
            .total = {.name = "total"},
            .by_deployment = sum_entries(session, project_id, from_ms, SpendGroup::kDeployment),
            .by_key = sum_entries(session, project_id, from_ms, SpendGroup::kKey),
        };
        for (const SpendLine& line : summary.by_deployment) {
            summary.total.calls += line.calls;
            summary.total.prompt_tokens += line.prompt_tokens;
            summary.total.completion_tokens += line.completion_tokens;
            summary.total.cost_nano_usd += line.cost_nano_usd;
        }
        return summary;
    });
}

}  // namespace capstan::spend
