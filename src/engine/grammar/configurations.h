#pragma once

// Where a pushdown automaton can be after some bytes: all pairs of a state and a stack at once, named by a
// number, with the steps between them remembered. What was seen once is a look-up ever after.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/grammar/automaton.h"

namespace capstan::engine {

using StackId = std::int32_t;
using ConfigurationId = std::int32_t;

// Stacks deeper than this are left out: nobody nests so deep.
inline constexpr std::int32_t kStackDepthMax = 1000;
// Of one configuration; more are one that `is_too_wide`.
inline constexpr std::size_t kConfigurationItemsMax = 2000;

// Not thread-safe.
class Configurations {
public:
    struct Item {
        StateId state;
        StackId stack;

        auto operator<=>(const Item&) const = default;
    };

    // `automaton` outlives it. A token has at most `token_bytes_max` bytes.
    Configurations(const Automaton& automaton, std::int32_t token_bytes_max);

    static constexpr ConfigurationId kDead = 0;     // Nothing goes on from here, and nothing ends.
    static constexpr ConfigurationId kTooWide = 1;  // Over kConfigurationItemsMax.

    ConfigurationId start() const { return start_; }

    // The configuration after one more byte. Cost: a look-up, but for the first time.
    ConfigurationId step(ConfigurationId from, std::uint8_t byte) {
        const std::size_t place = static_cast<std::size_t>(from) * classes_ + automaton_.byte_class[byte];
        const ConfigurationId known = steps_[place];
        return known >= 0 ? known : step_first(from, byte, place);
    }

    // What was read is a whole answer.
    bool accepts(ConfigurationId id) const { return at(id).accepts; }

    // It left what a part of a configuration (below) knows of.
    bool escapes(ConfigurationId id) const { return at(id).escapes; }

    bool can_go_on(ConfigurationId id) const { return at(id).count > 0; }

    // Parts of a configuration that forget their stacks but for what one token cannot use up: equal parts of
    // different configurations have one number, and they treat every token alike unless they escape.
    void parts_of(ConfigurationId id, std::vector<ConfigurationId>& parts);

    // Stack moves since the start, a measure of the work.
    std::int64_t work() const { return work_; }

    std::size_t bytes() const;  // Of memory, about.

    std::size_t size() const { return configurations_.size(); }

private:
    static constexpr StackId kBottom = 0;   // Empty: the root rule's end is the answer's end.
    static constexpr StackId kUnknown = 1;  // Forgotten.
    static constexpr StackId kFrames = 2;   // frames_[0].

    // A call that was made.
    struct Frame {
        StackId parent = kBottom;
        StateId target = 0;         // Where to go on.
        RuleId rule = 0;            // 0 when it cannot repeat.
        std::int32_t min_left = 0;  // How often the rule must follow once more,
        std::int32_t max_left = 0;  // and may; -1: no limit.
        std::int32_t depth = 0;

        bool operator==(const Frame&) const = default;

        bool repeats() const { return max_left != 0; }
    };

    struct Configuration {
        std::size_t begin = 0;  // In items_.
        std::size_t count = 0;
        bool accepts = false;
        bool escapes = false;
    };

    const Configuration& at(ConfigurationId id) const {
        return configurations_[static_cast<std::size_t>(id)];
    }

    ConfigurationId step_first(ConfigurationId from, std::uint8_t byte, std::size_t place);
    void clear_work();
    void reach(Item item);
    void leave(StackId stack);
    void call(const CallEdge& edge, StackId stack);
    void settle();
    StackId push(const Frame& frame);
    ConfigurationId intern();
    StackId forget(StackId stack, StackId& base);

    const Automaton& automaton_;
    const std::int32_t token_bytes_max_;
    const std::size_t classes_;

    std::vector<Frame> frames_;
    std::unordered_multimap<std::uint64_t, StackId> frame_of_;
    std::vector<Item> items_;
    std::vector<Configuration> configurations_;
    std::unordered_multimap<std::uint64_t, ConfigurationId> configuration_of_;
    std::vector<ConfigurationId> steps_;  // [configuration, class of byte]; -1: not known yet.
    ConfigurationId start_ = 0;
    std::int64_t work_ = 0;

    // A configuration in the making.
    std::vector<Item> open_;
    std::vector<Item> kept_;
    std::unordered_set<std::uint64_t> seen_;
    bool accepts_ = false;
    bool escapes_ = false;
};

}  // namespace capstan::engine
