#include "engine/grammar/configurations.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/hash.h"

namespace capstan::engine {
namespace {

std::size_t index_of(std::int32_t id) {
    return static_cast<std::size_t>(id);
}

template <typename T>
std::uint64_t hash_of(const T* values, std::size_t count, std::uint64_t seed) {
    return xxh3_64({reinterpret_cast<const char*>(values), count * sizeof(T)}) ^ (seed * 0x9E3779B97F4A7C15U);
}

}  // namespace

Configurations::Configurations(const Automaton& automaton, std::int32_t token_bytes_max)
    : automaton_(automaton),
      token_bytes_max_(token_bytes_max),
      classes_(static_cast<std::size_t>(automaton.class_count)) {
    for (int i = 0; i < 2; ++i) {  // kDead and kTooWide: nothing follows.
        configurations_.push_back({});
        steps_.insert(steps_.end(), classes_, i);
    }
    clear_work();
    accepts_ = automaton.root_may_be_empty;
    reach({automaton.starts[0], kBottom});
    settle();
    start_ = intern();
}

ConfigurationId Configurations::step_first(ConfigurationId from, std::uint8_t byte, std::size_t place) {
    const Configuration origin = at(from);
    clear_work();
    for (std::size_t i = origin.begin; i < origin.begin + origin.count; ++i) {
        const Item item = items_[i];
        for (const ByteEdge& edge : automaton_.states[index_of(item.state)].bytes) {
            if (edge.first > byte) {
                break;
            }
            if (byte <= edge.last) {
                reach({edge.target, item.stack});
            }
        }
    }
    work_ += static_cast<std::int64_t>(origin.count);
    settle();
    const ConfigurationId to = intern();
    steps_[place] = to;
    return to;
}

void Configurations::clear_work() {
    open_.clear();
    kept_.clear();
    seen_.clear();
    accepts_ = false;
    escapes_ = false;
}

void Configurations::reach(Item item) {
    const auto key = (static_cast<std::uint64_t>(item.state) << 32) | static_cast<std::uint32_t>(item.stack);
    if (seen_.size() <= kConfigurationItemsMax && seen_.insert(key).second) {
        open_.push_back(item);
    }
}

// Follows returns and calls until only bytes can go on.
void Configurations::settle() {
    while (!open_.empty()) {
        const Item item = open_.back();
        open_.pop_back();
        ++work_;
        const AutomatonState& state = automaton_.states[index_of(item.state)];
        if (!state.bytes.empty()) {
            kept_.push_back(item);
        }
        if (state.accepts) {
            leave(item.stack);
        }
        for (const CallEdge& edge : state.calls) {
            call(edge, item.stack);
        }
    }
}

void Configurations::leave(StackId stack) {
    if (stack == kBottom) {
        accepts_ = true;
        return;
    }
    if (stack == kUnknown) {
        escapes_ = true;
        return;
    }
    const Frame frame = frames_[index_of(stack - kFrames)];
    if (frame.min_left == 0) {
        reach({frame.target, frame.parent});
    }
    if (frame.repeats()) {
        Frame next = frame;
        next.min_left = std::max(0, frame.min_left - 1);
        next.max_left = frame.max_left < 0 ? -1 : frame.max_left - 1;
        reach({automaton_.starts[index_of(next.rule)], push(next)});
    }
}

void Configurations::call(const CallEdge& edge, StackId stack) {
    Frame frame = {
        .parent = stack,
        .target = edge.target,
        .rule = edge.rule,
        .min_left = std::max(0, edge.min - 1),
        .max_left = edge.max < 0 ? -1 : edge.max - 1,
        .depth = stack < kFrames ? 1 : frames_[index_of(stack - kFrames)].depth + 1,
    };
    const StateId start = automaton_.starts[index_of(edge.rule)];
    // What would return only to return again needs no frame: lists by right recursion stay flat.
    if (!frame.repeats() && automaton_.states[index_of(edge.target)].is_end()) {
        reach({start, stack});
    } else if (frame.depth <= kStackDepthMax) {
        reach({start, push(frame)});
    }
}

StackId Configurations::push(const Frame& frame) {
    Frame unique = frame;
    unique.rule = frame.repeats() ? frame.rule : 0;
    const std::uint64_t hash = hash_of(&unique, 1, 0);
    for (auto [known, end] = frame_of_.equal_range(hash); known != end; ++known) {
        if (frames_[index_of(known->second - kFrames)] == unique) {
            return known->second;
        }
    }
    frames_.push_back(unique);
    const auto id = static_cast<StackId>(frames_.size()) - 1 + kFrames;
    frame_of_.emplace(hash, id);
    return id;
}

ConfigurationId Configurations::intern() {
    if (seen_.size() > kConfigurationItemsMax) {
        return kTooWide;
    }
    if (kept_.empty() && !accepts_ && !escapes_) {
        return kDead;
    }
    std::ranges::sort(kept_);
    const std::uint64_t hash =
        hash_of(kept_.data(), kept_.size(), (accepts_ ? 1U : 0U) + (escapes_ ? 2U : 0U));
    for (auto [known, end] = configuration_of_.equal_range(hash); known != end; ++known) {
        const Configuration& other = at(known->second);
        if (other.accepts == accepts_ && other.escapes == escapes_ &&
            std::ranges::equal(kept_, std::span(items_).subspan(other.begin, other.count))) {
            return known->second;
        }
    }
    configurations_.push_back(
        {.begin = items_.size(), .count = kept_.size(), .accepts = accepts_, .escapes = escapes_}
    );
    items_.insert(items_.end(), kept_.begin(), kept_.end());
    steps_.insert(steps_.end(), classes_, -1);
    const auto id = static_cast<ConfigurationId>(configurations_.size() - 1);
    configuration_of_.emplace(hash, id);
    return id;
}

// The same stack down to the first frame that does not repeat, on an unknown one, with counts that one token
// cannot reach the end of made alike. `base` is what was cut off.
StackId Configurations::forget(StackId stack, StackId& base) {
    std::vector<Frame> run;
    while (stack >= kFrames && frames_[index_of(stack - kFrames)].repeats()) {
        run.push_back(frames_[index_of(stack - kFrames)]);
        stack = run.back().parent;
    }
    base = stack;
    StackId made = stack == kBottom ? kBottom : kUnknown;
    std::int32_t depth = 0;
    for (auto frame = run.rbegin(); frame != run.rend(); ++frame) {
        frame->parent = made;
        frame->depth = ++depth;
        frame->min_left = std::min(frame->min_left, token_bytes_max_ + 1);
        frame->max_left = frame->max_left > token_bytes_max_ ? -1 : frame->max_left;
        made = push(*frame);
    }
    return made;
}

void Configurations::parts_of(ConfigurationId id, std::vector<ConfigurationId>& parts) {
    parts.clear();
    const Configuration whole = at(id);
    std::map<StackId, std::vector<Item>> by_base;
    for (std::size_t i = whole.begin; i < whole.begin + whole.count; ++i) {
        StackId base = kBottom;
        const StackId stack = forget(items_[i].stack, base);
        by_base[base].push_back({items_[i].state, stack});
    }
    for (auto& [base, items] : by_base) {
        clear_work();
        std::ranges::sort(items);
        items.erase(std::ranges::unique(items).begin(), items.end());
        kept_ = std::move(items);
        parts.push_back(intern());
    }
}

std::size_t Configurations::bytes() const {
    constexpr std::size_t kMapEntry = 40;
    return frames_.size() * (sizeof(Frame) + kMapEntry) + items_.size() * sizeof(Item) +
           configurations_.size() * (sizeof(Configuration) + kMapEntry) +
           steps_.size() * sizeof(ConfigurationId);
}

}  // namespace capstan::engine
