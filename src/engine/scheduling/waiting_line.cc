#include "engine/scheduling/waiting_line.h"

#include <iterator>

namespace capstan::engine {

std::deque<std::unique_ptr<Sequence>>& WaitingLine::line_of(const Sequence& sequence) {
    Lane& lane = lanes_[sequence.request.priority];
    auto& line = lane.lines[sequence.request.fairness_key];
    if (line.empty()) {
        lane.order.insert({sequence.account->served, sequence.request.fairness_key});
    }
    ++size_;
    return line;
}

void WaitingLine::add(std::unique_ptr<Sequence> sequence) {
    auto& line = line_of(*sequence);
    line.push_back(std::move(sequence));
}

void WaitingLine::put_back(std::unique_ptr<Sequence> sequence) {
    auto& line = line_of(*sequence);
    line.push_front(std::move(sequence));
}

Sequence* WaitingLine::first() {
    if (lanes_.empty()) {
        return nullptr;
    }
    Lane& lane = lanes_.begin()->second;
    while (true) {
        const auto& [served, key] = *lane.order.begin();
        Sequence& sequence = *lane.lines.at(key).front();
        if (sequence.account->served == served) {
            return &sequence;
        }
        auto entry = lane.order.extract(lane.order.begin());
        entry.value().first = sequence.account->served;
        lane.order.insert(std::move(entry));
    }
}

std::unique_ptr<Sequence> WaitingLine::take_first() {
    Sequence* next = first();
    if (next == nullptr) {
        return nullptr;
    }
    const auto in = lanes_.begin();
    Lane& lane = in->second;
    const auto line = lane.lines.find(next->request.fairness_key);
    auto taken = std::move(line->second.front());
    line->second.pop_front();
    --size_;
    if (line->second.empty()) {
        lane.order.erase(lane.order.begin());
        lane.lines.erase(line);
    }
    if (lane.lines.empty()) {
        lanes_.erase(in);
    }
    return taken;
}

std::vector<std::unique_ptr<Sequence>> WaitingLine::take_ended(std::int64_t now_ms) {
    std::vector<std::unique_ptr<Sequence>> ended;
    for (auto& [priority, lane] : lanes_) {
        for (auto& [key, line] : lane.lines) {
            std::erase_if(line, [&](std::unique_ptr<Sequence>& sequence) {
                const bool is_over = !sequence->drop_cancelled() || sequence->is_late(now_ms);
                if (is_over) {
                    ended.push_back(std::move(sequence));
                }
                return is_over;
            });
        }
        std::erase_if(lane.order, [&](const auto& entry) { return lane.lines.at(entry.second).empty(); });
        std::erase_if(lane.lines, [](const auto& entry) { return entry.second.empty(); });
    }
    std::erase_if(lanes_, [](const auto& entry) { return entry.second.lines.empty(); });
    size_ -= ended.size();
    return ended;
}

std::vector<std::unique_ptr<Sequence>> WaitingLine::take_all() {
    std::vector<std::unique_ptr<Sequence>> all;
    while (auto next = take_first()) {
        all.push_back(std::move(next));
    }
    return all;
}

}  // namespace capstan::engine
