#include "corpus/drop_log.h"

#include <algorithm>

namespace capstan::corpus {

void DropLog::add(const Drop& drop, std::uint64_t count) {
    auto found = reasons_.find(drop.reason);
    if (found == reasons_.end()) {
        found = reasons_.emplace(std::string(drop.reason), Reason{}).first;
    }
    Reason& reason = found->second;
    reason.count += count;
    reason.bytes += drop.bytes;
    if (reason.examples.size() < examples_max_) {
        reason.examples.emplace_back(std::string(drop.id.substr(0, 512)), drop.detail.substr(0, 512));
    }
}

std::uint64_t DropLog::count(std::string_view reason) const {
    const auto found = reasons_.find(reason);
    return found == reasons_.end() ? 0 : found->second.count;
}

Json DropLog::to_json() const {
    std::vector<const std::pair<const std::string, Reason>*> order;
    for (const auto& entry : reasons_) {
        order.push_back(&entry);
    }
    std::ranges::sort(order, [](const auto* a, const auto* b) {
        return a->second.count != b->second.count ? a->second.count > b->second.count : a->first < b->first;
    });
    Json json(Json::Array{});
    for (const auto* entry : order) {
        Json examples(Json::Array{});
        for (const auto& [id, detail] : entry->second.examples) {
            examples.push(Json::object({{"id", id}, {"detail", detail}}));
        }
        json.push(Json::object(
            {{"reason", entry->first},
             {"count", entry->second.count},
             {"bytes", entry->second.bytes},
             {"examples", std::move(examples)}}
        ));
    }
    return json;
}

}  // namespace capstan::corpus
