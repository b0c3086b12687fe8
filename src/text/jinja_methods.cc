// Methods of texts, dicts and lists.

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "text/jinja_characters.h"
#include "text/jinja_operators.h"

namespace capstan::text::jinja {
namespace {

using Method = Result<Value> (*)(Budget&, const Value&, const CallArguments&);
using Methods = std::map<std::string_view, Method>;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

template <bool kLeft, bool kRight>
Result<Value> strip_text(Budget& budget, const Value& self, const CallArguments& arguments) {
    return budget.text(std::string(strip(*self.string(), arguments.text(0, "chars", ""), kLeft, kRight)));
}

template <std::string (*kChange)(std::string_view)>
Result<Value> change_text(Budget& budget, const Value& self, const CallArguments&) {
    return budget.text(kChange(*self.string()));
}

// At the start of the text, or at its end; any of a tuple.
template <bool kAtStart>
Result<Value> has_affix(Budget& budget, const Value& self, const CallArguments& arguments) {
    const Value* affix = arguments.find(0, "prefix");
    if (affix == nullptr) {
        return invalid("startswith and endswith need an argument");
    }
    if (auto charged = budget.charge_walk(*affix); !charged) {
        return charged.error();
    }
    const auto matches = [&](const Value& wanted) {
        const std::string* text = wanted.string();
        return text != nullptr &&
               (kAtStart ? self.string()->starts_with(*text) : self.string()->ends_with(*text));
    };
    if (const List* list = affix->list()) {
        return Value(std::ranges::any_of(list->items, matches));
    }
    if (affix->string() == nullptr) {
        return invalid(fmt::format("startswith and endswith need a str, not {}", affix->type()));
    }
    return Value(matches(*affix));
}

template <bool kPrefix>
Result<Value> remove_affix(Budget& budget, const Value& self, const CallArguments& arguments) {
    const std::string affix = arguments.text(0, "prefix", "");
    std::string_view text = *self.string();
    if (kPrefix && text.starts_with(affix)) {
        text.remove_prefix(affix.size());
    } else if (!kPrefix && text.ends_with(affix)) {
        text.remove_suffix(affix.size());
    }
    return budget.text(std::string(text));
}

Result<Value> replace(Budget& budget, const Value& self, const CallArguments& arguments) {
    const Value* old = arguments.find(0, "old");
    const Value* replacement = arguments.find(1, "new");
    if (old == nullptr || old->string() == nullptr || replacement == nullptr ||
        replacement->string() == nullptr) {
        return invalid("replace needs two texts");
    }
    const std::int64_t count = arguments.integer(2, "count").value_or(-1);
    return replace_text(budget, *self.string(), {*old->string(), *replacement->string()}, count);
}

Result<Value> pieces_to_list(Budget& budget, const std::vector<std::string_view>& pieces) {
    List list;
    for (const std::string_view piece : pieces) {
        list.items.emplace_back(piece);
    }
    return budget.list(std::move(list));
}

// At runs of white space, as split() does without an argument. The last piece keeps its own white space
// inside.
std::vector<std::string_view> split_at_space(std::string_view text, std::size_t pieces_max) {
    std::vector<std::string_view> pieces;
    text = strip(text, "", true, false);
    while (!text.empty()) {
        std::size_t end = 0;
        for (const std::string_view character : Characters(text)) {
            if (strip(character, "", true, false).empty()) {
                break;
            }
            end += character.size();
        }
        if (pieces.size() + 1 == pieces_max) {
            pieces.push_back(text);
            break;
        }
        pieces.push_back(text.substr(0, end));
        text = strip(text.substr(end), "", true, false);
    }
    return pieces;
}

Result<Value> split(Budget& budget, const Value& self, const CallArguments& arguments) {
    const std::string separator = arguments.text(0, "sep", "");
    const Value* given = arguments.find(0, "sep");
    const std::int64_t splits_max = arguments.integer(1, "maxsplit").value_or(-1);
    const std::size_t pieces_max =
        splits_max < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(splits_max) + 1;
    std::string_view text = *self.string();
    if (given == nullptr || given->is_none()) {
        return pieces_to_list(budget, split_at_space(text, pieces_max));
    }
    if (separator.empty()) {
        return invalid("split needs a separator that is not empty");
    }
    std::vector<std::string_view> pieces;
    while (pieces.size() + 1 < pieces_max) {
        const std::size_t at = text.find(separator);
        if (at == std::string_view::npos) {
            break;
        }
        pieces.push_back(text.substr(0, at));
        text.remove_prefix(at + separator.size());
    }
    pieces.push_back(text);
    return pieces_to_list(budget, pieces);
}

Result<Value> rsplit(Budget& budget, const Value& self, const CallArguments& arguments) {
    const std::string separator = arguments.text(0, "sep", "");
    const std::int64_t splits_max = arguments.integer(1, "maxsplit").value_or(-1);
    if (separator.empty()) {
        return invalid("rsplit needs a separator");
    }
    std::vector<std::string_view> pieces;
    std::string_view text = *self.string();
    for (std::int64_t splits = 0; splits_max < 0 || splits < splits_max; ++splits) {
        const std::size_t at = text.rfind(separator);
        if (at == std::string_view::npos) {
            break;
        }
        pieces.push_back(text.substr(at + separator.size()));
        text = text.substr(0, at);
    }
    pieces.push_back(text);
    std::ranges::reverse(pieces);
    return pieces_to_list(budget, pieces);
}

Result<Value> split_into_lines(Budget& budget, const Value& self, const CallArguments&) {
    return pieces_to_list(budget, split_lines(*self.string()));
}

// The position by characters, or -1.
template <bool kFromEnd>
Result<Value> find(Budget&, const Value& self, const CallArguments& arguments) {
    const std::string wanted = arguments.text(0, "sub", "");
    const std::string& text = *self.string();
    const std::size_t at = kFromEnd ? text.rfind(wanted) : text.find(wanted);
    if (at == std::string::npos) {
        return Value(std::int64_t{-1});
    }
    return Value(static_cast<std::int64_t>(count_characters(std::string_view(text).substr(0, at))));
}

Result<Value> count(Budget&, const Value& self, const CallArguments& arguments) {
    const std::string wanted = arguments.text(0, "sub", "");
    std::string_view text = *self.string();
    std::int64_t found = wanted.empty() ? static_cast<std::int64_t>(count_characters(text)) + 1 : 0;
    for (std::size_t at = text.find(wanted); !wanted.empty() && at != std::string_view::npos;
         at = text.find(wanted)) {
        found += 1;
        text.remove_prefix(at + wanted.size());
    }
    return Value(found);
}

Result<Value> join(Budget& budget, const Value& self, const CallArguments& arguments) {
    const Value* parts = arguments.find(0, "iterable");
    const auto items = items_of(budget, parts == nullptr ? Value() : *parts);
    if (!items) {
        return items.error();
    }
    std::string out;
    for (std::size_t i = 0; i < (*items)->items.size(); ++i) {
        const std::string* text = (*items)->items[i].string();
        if (text == nullptr) {
            return invalid(fmt::format("join needs texts, not {}", (*items)->items[i].type()));
        }
        out.append(i > 0 ? *self.string() : "").append(*text);
        if (out.size() > budget.bytes_max()) {
            break;
        }
    }
    return budget.text(std::move(out));
}

template <CharacterKind kKind>
Result<Value> is_all(Budget&, const Value& self, const CallArguments&) {
    const Characters characters(*self.string());
    bool all = !self.string()->empty();
    for (const std::string_view character : characters) {
        all = all && kind_of(front_character(character).code_point) == kKind;
    }
    return Value(all);
}

template <std::string (*kChange)(std::string_view), std::string (*kOther)(std::string_view)>
Result<Value> is_case(Budget&, const Value& self, const CallArguments&) {
    const std::string& text = *self.string();
    return Value(kChange(text) == text && kOther(text) != text);
}

Result<Value> dict_items(Budget& budget, const Value& self, const CallArguments&) {
    List list;
    for (const auto& [name, value] : self.dict()->members) {
        list.items.emplace_back(List{.items = {Value(name), value}, .is_tuple = true});
    }
    return budget.list(std::move(list));
}

Result<Value> dict_keys(Budget& budget, const Value& self, const CallArguments&) {
    List list;
    for (const auto& [name, value] : self.dict()->members) {
        list.items.emplace_back(name);
    }
    return budget.list(std::move(list));
}

Result<Value> dict_values(Budget& budget, const Value& self, const CallArguments&) {
    List list;
    for (const auto& [name, value] : self.dict()->members) {
        list.items.push_back(value);
    }
    return budget.list(std::move(list));
}

Result<Value> dict_get(Budget& budget, const Value& self, const CallArguments& arguments) {
    const Value* name = arguments.find(0, "key");
    const Value* otherwise = arguments.find(1, "default");
    if (auto charged = budget.charge(1 + self.weight() / 256); !charged) {
        return charged.error();
    }
    const Value* found =
        name == nullptr || name->string() == nullptr ? nullptr : self.dict()->find(*name->string());
    return found != nullptr ? *found : otherwise != nullptr ? *otherwise : Value();
}

Result<Value> copy(Budget&, const Value& self, const CallArguments&) {
    return self;
}

Result<Value> list_index(Budget& budget, const Value& self, const CallArguments& arguments) {
    if (auto charged = budget.charge_walk(self); !charged) {
        return charged.error();
    }
    const Value* wanted = arguments.find(0, "value");
    const auto& items = self.list()->items;
    for (std::size_t i = 0; wanted != nullptr && i < items.size(); ++i) {
        if (equal(items[i], *wanted)) {
            return Value(static_cast<std::int64_t>(i));
        }
    }
    return invalid("index: the value is not in the list");
}

Result<Value> list_count(Budget& budget, const Value& self, const CallArguments& arguments) {
    if (auto charged = budget.charge_walk(self); !charged) {
        return charged.error();
    }
    const Value* wanted = arguments.find(0, "value");
    std::int64_t found = 0;
    for (const Value& item : self.list()->items) {
        found += wanted != nullptr && equal(item, *wanted) ? 1 : 0;
    }
    return Value(found);
}

const Methods kTextMethods = {
    {"strip", strip_text<true, true>},
    {"lstrip", strip_text<true, false>},
    {"rstrip", strip_text<false, true>},
    {"upper", change_text<upper>},
    {"lower", change_text<lower>},
    {"title", change_text<title>},
    {"capitalize", change_text<capitalize>},
    {"startswith", has_affix<true>},
    {"endswith", has_affix<false>},
    {"removeprefix", remove_affix<true>},
    {"removesuffix", remove_affix<false>},
    {"replace", replace},
    {"split", split},
    {"rsplit", rsplit},
    {"splitlines", split_into_lines},
    {"find", find<false>},
    {"rfind", find<true>},
    {"count", count},
    {"join", join},
    {"isdigit", is_all<CharacterKind::kNumber>},
    {"isalpha", is_all<CharacterKind::kLetter>},
    {"isspace", is_all<CharacterKind::kSpace>},
    {"isupper", is_case<upper, lower>},
    {"islower", is_case<lower, upper>},
};
const Methods kDictMethods = {
    {"items", dict_items}, {"keys", dict_keys}, {"values", dict_values}, {"get", dict_get}, {"copy", copy}
};
const Methods kListMethods = {{"index", list_index}, {"count", list_count}, {"copy", copy}};
const Methods kNoMethods;

const Methods& methods_of(const Value& object) {
    if (object.string() != nullptr) {
        return kTextMethods;
    }
    if (object.dict() != nullptr) {
        return kDictMethods;
    }
    return object.list() != nullptr ? kListMethods : kNoMethods;
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
    return methods_of(object).contains(name);
}

Result<Value> call_method(
    Budget& budget, const Value& object, std::string_view name, const CallArguments& arguments
) {
    if (auto charged = budget.charge(1 + object.weight() / 16); !charged) {
        return charged.error();
    }
    return methods_of(object).at(name)(budget, object, arguments);
}

}  // namespace capstan::text::jinja
