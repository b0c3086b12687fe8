#pragma once

// How much each key has been served, so that keys that wait can take turns: the virtual token counter (Sheng
// et al. 2024, "Fairness in Serving Large Language Models").
//
// Who waits and was served least comes next. A key that comes back after a pause does not collect what it did
// not use: it starts no lower than the key that was served last.

#include <cstdint>
#include <string>
#include <unordered_map>

namespace capstan::engine {

// Used from the engine's thread only.
class FairShare {
public:
    // The paper's weights.
    static constexpr std::int64_t kPromptTokenCost = 1;
    static constexpr std::int64_t kGeneratedTokenCost = 2;

    struct Account {
        std::int64_t served = 0;     // Sum of costs.
        std::int64_t sequences = 0;  // That wait or run.
    };

    // One sequence more; the account stays where it is until `leave`.
    Account& join(const std::string& key);
    void leave(const std::string& key);

    // When a sequence of this account starts.
    void started(const Account& account);

    std::size_t accounts() const { return accounts_.size(); }

private:
    std::unordered_map<std::string, Account> accounts_;
    std::int64_t floor_ = 0;  // What the key that started last had been served.
    static constexpr std::size_t kSweepMin = 1024;
    std::size_t sweep_at_ = kSweepMin;  // So many accounts are searched for some to forget.
};

}  // namespace capstan::engine
