#pragma once

// What rendering may still cost, and the arguments of a call: what filters, tests and methods are given.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja.h"
#include "text/jinja_value.h"

namespace capstan::text::jinja {

class Budget {
public:
    explicit Budget(RenderLimits limits) : limits_(limits), steps_left_(limits.steps) {}

    std::size_t bytes_max() const { return limits_.output_bytes; }

    // kTooLarge when it is used up.
    Result<void> charge(std::size_t steps);

    // For walking all of `value`: printing, comparing.
    Result<void> charge_walk(const Value& value) { return charge(1 + value.weight() / 16); }

    // A text that was made, or kTooLarge when it is over the limit. Charges for it.
    Result<Value> text(std::string text);

    // A list or dict that was made, or kTooLarge when it is nested too deeply. Charges for its items.
    Result<Value> list(List list);
    Result<Value> dict(Dict dict);

private:
    RenderLimits limits_;
    std::size_t steps_left_;
};

struct CallArguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string, Value>> named;

    // The argument at `position`, or called `name`; null when absent.
    const Value* find(std::size_t position, std::string_view name) const;

    // kInvalid when there are more positional ones than `names`, or others by name.
    Result<void> check(std::string_view callee, std::initializer_list<std::string_view> names) const;

    bool flag(std::size_t position, std::string_view name, bool otherwise) const;
    std::optional<std::int64_t> integer(std::size_t position, std::string_view name) const;
    std::string text(std::size_t position, std::string_view name, std::string_view otherwise) const;
};

// The items that a loop sees: of a list, the names of a dict, the characters of a text, none of undefined.
Result<std::shared_ptr<const List>> items_of(Budget& budget, const Value& value);

// `object[name]` as filters look attributes up: "a.b" goes down, "0" indexes. Undefined when there is none.
Value attribute_path(const Value& object, std::string_view path);

// Python's text.replace(old, replacement, count); count below 0 is all.
Result<Value> replace_text(
    Budget& budget,
    std::string_view text,
    std::pair<std::string_view, std::string_view> change,
    std::int64_t count
);

}  // namespace capstan::text::jinja
