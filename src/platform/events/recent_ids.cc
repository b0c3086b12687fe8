#include "platform/events/recent_ids.h"

namespace capstan::events {

void RecentIds::add(std::string_view id, std::int64_t offset) {
    if (!id.empty()) {
        offsets_.insert_or_assign(std::string(id), offset);
        order_.emplace_back(offset, std::string(id));
    }
    while (!order_.empty() && order_.front().first <= offset - events_) {
        const auto& [old_offset, old_id] = order_.front();
        const auto known = offsets_.find(old_id);
        if (known != offsets_.end() && known->second == old_offset) {
            offsets_.erase(known);
        }
        order_.pop_front();
    }
}

std::optional<std::int64_t> RecentIds::find(const std::string& id) const {
    const auto known = offsets_.find(id);
    return known == offsets_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace capstan::events
