#pragma once

// What tokens cost and what was spent. Money is whole nano-dollars (1e-9 USD), so that sums are exact.

#include <cstdint>
#include <string>
#include <vector>

namespace capstan::spend {

struct Price {
    std::string project_id;
    std::string model;  // A deployment's or a model's name as callers write it; "*" for all without a price
                        // of their own.
    std::int64_t prompt_nano_usd_per_token = 0;
    std::int64_t completion_nano_usd_per_token = 0;
};

// What one call cost. Written once, with the call's response id.
struct LedgerEntry {
    std::string response_id;
    std::string project_id;
    std::int64_t at_ms = 0;
    std::string key_id;
    std::string deployment;
    std::string target_id;
    std::string model;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cost_nano_usd = 0;
};

// A sum over ledger entries that share `name`.
struct SpendLine {
    std::string name;
    std::int64_t calls = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cost_nano_usd = 0;
};

struct SpendSummary {
    SpendLine total;
    std::vector<SpendLine> by_deployment;
    std::vector<SpendLine> by_key;
};

}  // namespace capstan::spend
