#include <algorithm>
#include <bit>
#include <iterator>
#include <map>
#include <span>

#include <fmt/format.h>

#include "text/jinja_characters.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"

namespace capstan::text::jinja {
namespace {

using Items = std::vector<Value>;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<Items> copy_items(Budget& budget, const Value& input) {
    const auto items = items_of(budget, input);
    if (!items) {
        return items.error();
    }
    if (auto charged = budget.charge((*items)->items.size()); !charged) {
        return charged.error();
    }
    return (*items)->items;
}

Result<Value> to_list(Budget& budget, const Value& input, const CallArguments&) {
    auto items = copy_items(budget, input);
    return items ? budget.list({.items = std::move(*items)}) : items.error();
}

Result<Value> dict_items(Budget& budget, const Value& input, const CallArguments& arguments) {
    if (input.is_undefined()) {
        return budget.list({});
    }
    if (input.dict() == nullptr) {
        return invalid(fmt::format("items needs a mapping, not {}", input.type()));
    }
    return call_method(budget, input, "items", arguments);
}

Result<Value> join(Budget& budget, const Value& input, const CallArguments& arguments) {
    const auto items = items_of(budget, input);
    if (!items) {
        return items.error();
    }
    const std::string separator = arguments.text(0, "d", "");
    const std::string attribute = arguments.text(1, "attribute", "");
    std::string out;
    for (std::size_t i = 0; i < (*items)->items.size(); ++i) {
        const Value& item = (*items)->items[i];
        const Value part = attribute.empty() ? item : attribute_path(item, attribute);
        if (auto charged = budget.charge_walk(part); !charged) {
            return charged.error();
        }
        out.append(i > 0 ? separator : "").append(to_text(part));
        if (out.size() > budget.bytes_max()) {
            break;
        }
    }
    return budget.text(std::move(out));
}

Result<Value> first(Budget& budget, const Value& input, const CallArguments&) {
    const auto items = items_of(budget, input);
    if (!items) {
        return items.error();
    }
    return (*items)->items.empty() ? Value(Undefined{"first item of an empty sequence"})
                                   : (*items)->items.front();
}

Result<Value> last(Budget& budget, const Value& input, const CallArguments&) {
    const auto items = items_of(budget, input);
    if (!items) {
        return items.error();
    }
    return (*items)->items.empty() ? Value(Undefined{"last item of an empty sequence"})
                                   : (*items)->items.back();
}

Result<Value> reverse(Budget& budget, const Value& input, const CallArguments&) {
    if (input.string() != nullptr) {
        return slice(budget, input, {.start = Value(), .stop = Value(), .step = Value(std::int64_t{-1})});
    }
    auto items = copy_items(budget, input);
    if (!items) {
        return items.error();
    }
    std::ranges::reverse(*items);
    return budget.list({.items = std::move(*items)});
}

// map("name", arguments…) by a filter, or map(attribute="name", default=…).
Result<Value> map_items(Budget& budget, const Value& input, const CallArguments& arguments) {
    auto items = copy_items(budget, input);
    if (!items) {
        return items.error();
    }
    if (arguments.positional.empty()) {
        const Value* attribute = arguments.find(0, "attribute");
        const Value* otherwise = arguments.find(1, "default");
        if (attribute == nullptr) {
            return invalid("map needs a filter's name or an attribute");
        }
        for (Value& item : *items) {
            item = attribute_path(item, to_text(*attribute));
            if (item.is_undefined() && otherwise != nullptr) {
                item = *otherwise;
            }
        }
        return budget.list({.items = std::move(*items)});
    }
    const std::string name = to_text(arguments.positional[0]);
    const Filter filter = find_filter(name);
    if (filter == nullptr) {
        return invalid(fmt::format("no filter is called '{}'", name.substr(0, 80)));
    }
    const CallArguments rest = without_first(arguments, 1);
    for (Value& item : *items) {
        auto mapped = filter(budget, item, rest);
        if (!mapped) {
            return mapped;
        }
        item = std::move(*mapped);
    }
    return budget.list({.items = std::move(*items)});
}

// select, reject, selectattr and rejectattr: the items (or their attribute) for which a test holds, or does
// not.
template <bool kByAttribute, bool kWanted>
Result<Value> select_items(Budget& budget, const Value& input, const CallArguments& arguments) {
    constexpr std::size_t kNameAt = kByAttribute ? 1 : 0;
    auto items = copy_items(budget, input);
    if (!items) {
        return items.error();
    }
    if (kByAttribute && arguments.positional.empty()) {
        return invalid("selectattr and rejectattr need an attribute");
    }
    const std::string attribute = kByAttribute ? to_text(arguments.positional[0]) : std::string();
    const bool has_test = arguments.positional.size() > kNameAt;
    const std::string name = has_test ? to_text(arguments.positional[kNameAt]) : std::string();
    const Test test = has_test ? find_test(name) : nullptr;
    if (has_test && test == nullptr) {
        return invalid(fmt::format("no test is called '{}'", name.substr(0, 80)));
    }
    const CallArguments rest = without_first(arguments, kNameAt + 1);
    List kept;
    for (Value& item : *items) {
        const Value tested = kByAttribute ? attribute_path(item, attribute) : item;
        const auto holds = has_test ? test(budget, tested, rest) : Result<bool>(tested.truth());
        if (!holds) {
            return holds.error();
        }
        if (*holds == kWanted) {
            kept.items.push_back(std::move(item));
        }
    }
    return budget.list(std::move(kept));
}

// What sort and unique compare: the attribute, and texts without their case unless that matters.
Value sort_key(const Value& item, const std::string& attribute, bool case_sensitive) {
    const Value value = attribute.empty() ? item : attribute_path(item, attribute);
    return !case_sensitive && value.string() != nullptr ? Value(lower(*value.string())) : value;
}

struct Keyed {
    Value key;
    Value item;
};

// Merges the sorted halves of `items`. Unlike std::sort it is safe with an order that is none, as NaN makes
// it.
Result<void> merge_halves(std::span<Keyed> items, bool reverse) {
    const std::size_t half = items.size() / 2;
    std::vector<Keyed> merged;
    merged.reserve(items.size());
    std::size_t left = 0;
    std::size_t right = half;
    while (left < half && right < items.size()) {
        const auto order = compare(items[left].key, items[right].key);
        if (!order) {
            return order.error();
        }
        const bool takes_right = reverse ? *order < 0 : *order > 0;  // The left one of equals: stable.
        merged.push_back(std::move(items[takes_right ? right++ : left++]));
    }
    std::ranges::move(items.subspan(left, half - left), std::back_inserter(merged));
    std::ranges::move(items.subspan(right), std::back_inserter(merged));
    std::ranges::move(merged, items.begin());
    return {};
}

Result<void> merge_sort(std::span<Keyed> items, bool reverse) {
    if (items.size() < 2) {
        return {};
    }
    const std::size_t half = items.size() / 2;
    for (const auto part : {items.first(half), items.subspan(half)}) {
        if (auto sorted = merge_sort(part, reverse); !sorted) {
            return sorted;
        }
    }
    return merge_halves(items, reverse);
}

Result<void> sort_keyed(Budget& budget, std::vector<Keyed>& items, bool reverse) {
    std::size_t weight = items.size();
    for (const Keyed& keyed : items) {
        weight += keyed.key.weight() / 16;
    }
    const auto rounds = static_cast<std::size_t>(std::bit_width(items.size()));
    if (weight > budget.bytes_max()) {
        return Error{ErrorCode::kTooLarge, "there is too much to sort"};
    }
    if (auto charged = budget.charge(weight * rounds); !charged) {
        return charged;
    }
    return merge_sort(items, reverse);
}

Result<Value> sort(Budget& budget, const Value& input, const CallArguments& arguments) {
    if (auto checked = arguments.check("sort", {"reverse", "case_sensitive", "attribute"}); !checked) {
        return checked.error();
    }
    auto items = copy_items(budget, input);
    if (!items) {
        return items.error();
    }
    const std::string attribute = arguments.text(2, "attribute", "");
    const bool case_sensitive = arguments.flag(1, "case_sensitive", false);
    std::vector<Keyed> keyed;
    for (Value& item : *items) {
        keyed.push_back({.key = sort_key(item, attribute, case_sensitive), .item = std::move(item)});
    }
    if (auto sorted = sort_keyed(budget, keyed, arguments.flag(0, "reverse", false)); !sorted) {
        return sorted.error();
    }
    List list;
    for (Keyed& entry : keyed) {
        list.items.push_back(std::move(entry.item));
    }
    return budget.list(std::move(list));
}

Result<Value> dict_sort(Budget& budget, const Value& input, const CallArguments& arguments) {
    if (auto checked = arguments.check("dictsort", {"case_sensitive", "by", "reverse"}); !checked) {
        return checked.error();
    }
    auto pairs = dict_items(budget, input, {});
    if (!pairs) {
        return pairs;
    }
    const bool by_value = arguments.text(1, "by", "key") == "value";
    const CallArguments sorting{
        .positional = {},
        .named =
            {{"reverse", Value(arguments.flag(2, "reverse", false))},
             {"case_sensitive", Value(arguments.flag(0, "case_sensitive", false))},
             {"attribute", Value(std::string(by_value ? "1" : "0"))}}
    };
    return sort(budget, *pairs, sorting);
}

Result<Value> unique(Budget& budget, const Value& input, const CallArguments& arguments) {
    auto items = copy_items(budget, input);
    if (!items) {
        return items.error();
    }
    const std::string attribute = arguments.text(1, "attribute", "");
    const bool case_sensitive = arguments.flag(0, "case_sensitive", false);
    std::vector<Value> keys;
    List list;
    for (Value& item : *items) {
        Value key = sort_key(item, attribute, case_sensitive);
        if (auto charged = budget.charge(1 + keys.size() * (1 + key.weight() / 64)); !charged) {
            return charged.error();
        }
        if (std::ranges::none_of(keys, [&](const Value& seen) { return equal(seen, key); })) {
            keys.push_back(std::move(key));
            list.items.push_back(std::move(item));
        }
    }
    return budget.list(std::move(list));
}

template <int kSign>
Result<Value> extreme(Budget& budget, const Value& input, const CallArguments& arguments) {
    const CallArguments sorting{
        .positional = {Value(kSign > 0)},
        .named =
            {{"case_sensitive", Value(arguments.flag(0, "case_sensitive", false))},
             {"attribute", Value(arguments.text(1, "attribute", ""))}}
    };
    const auto sorted = sort(budget, input, sorting);
    return sorted ? first(budget, *sorted, {}) : sorted;
}

Result<Value> sum(Budget& budget, const Value& input, const CallArguments& arguments) {
    const auto items = items_of(budget, input);
    if (!items) {
        return items.error();
    }
    const std::string attribute = arguments.text(0, "attribute", "");
    const Value* start = arguments.find(1, "start");
    Value total = start == nullptr ? Value(std::int64_t{0}) : *start;
    for (const Value& item : (*items)->items) {
        const Value& term = attribute.empty() ? item : attribute_path(item, attribute);
        auto added = apply_binary(budget, BinaryOperator::kAdd, total, term);
        if (!added) {
            return added;
        }
        total = std::move(*added);
    }
    return total;
}

const std::map<std::string_view, Filter> kFilters = {
    {"dictsort", dict_sort},
    {"first", first},
    {"items", dict_items},
    {"join", join},
    {"last", last},
    {"list", to_list},
    {"map", map_items},
    {"max", extreme<1>},
    {"min", extreme<-1>},
    {"reject", select_items<false, false>},
    {"rejectattr", select_items<true, false>},
    {"reverse", reverse},
    {"select", select_items<false, true>},
    {"selectattr", select_items<true, true>},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};

}  // namespace

Filter find_list_filter(std::string_view name) {
    const auto at = kFilters.find(name);
    return at == kFilters.end() ? nullptr : at->second;
}

}  // namespace capstan::text::jinja
