#include "engine/scheduling/fair_share.h"

#include <algorithm>

#include "base/check.h"

namespace capstan::engine {

FairShare::Account& FairShare::join(const std::string& key) {
    Account& account = accounts_[key];
    if (account.sequences++ == 0) {
        account.served = std::max(account.served, floor_);
    }
    return account;
}

void FairShare::leave(const std::string& key) {
    const auto found = accounts_.find(key);
    CHECK(found != accounts_.end() && found->second.sequences > 0, "who leaves had joined");
    --found->second.sequences;
    if (accounts_.size() < sweep_at_) {
        return;
    }
    // Those at the floor would start there again. When that is not enough, what the others had is forgotten:
    // memory must not grow with the number of keys that ever were.
    std::erase_if(accounts_, [this](const auto& entry) {
        return entry.second.sequences == 0 && entry.second.served <= floor_;
    });
    if (2 * accounts_.size() > sweep_at_) {
        std::erase_if(accounts_, [](const auto& entry) { return entry.second.sequences == 0; });
    }
    sweep_at_ = std::max(kSweepMin, 2 * accounts_.size());
}

void FairShare::started(const Account& account) {
    floor_ = std::max(floor_, account.served);
}

}  // namespace capstan::engine
