#include "text/jinja_budget.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "text/jinja_characters.h"

namespace capstan::text::jinja {

Result<void> Budget::charge(std::size_t steps) {
    if (steps > steps_left_) {
        steps_left_ = 0;
        return Error{
            ErrorCode::kTooLarge, fmt::format("the template takes more than {} steps", limits_.steps)
        };
    }
    steps_left_ -= steps;
    return {};
}

Result<Value> Budget::text(std::string text) {
    if (text.size() > limits_.output_bytes) {
        return Error{
            ErrorCode::kTooLarge, fmt::format("a text has more than {} bytes", limits_.output_bytes)
        };
    }
    if (auto charged = charge(1 + text.size() / 16); !charged) {
        return charged.error();
    }
    return Value(std::move(text));
}

namespace {

template <typename Container>
Result<Value> bounded(Budget& budget, Container container, std::size_t items) {
    if (auto charged = budget.charge(1 + items); !charged) {
        return charged.error();
    }
    Value value(std::move(container));
    if (value.depth() > kValueDepthMax) {
        return Error{ErrorCode::kTooLarge, fmt::format("lists are nested more than {} deep", kValueDepthMax)};
    }
    return value;
}

}  // namespace

Result<Value> Budget::list(List list) {
    const std::size_t items = list.items.size();
    return bounded(*this, std::move(list), items);
}

Result<Value> Budget::dict(Dict dict) {
    const std::size_t items = dict.members.size();
    return bounded(*this, std::move(dict), items);
}

const Value* CallArguments::find(std::size_t position, std::string_view name) const {
    if (position < positional.size()) {
        return &positional[position];
    }
    const auto at =
        std::ranges::find(named, name, [](const auto& argument) { return std::string_view(argument.first); });
    return at == named.end() ? nullptr : &at->second;
}

Result<void> CallArguments::check(std::string_view callee, std::initializer_list<std::string_view> names)
    const {
    if (positional.size() > names.size()) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("{} takes at most {} arguments, not {}", callee, names.size(), positional.size())
        };
    }
    for (const auto& [name, value] : named) {
        if (std::ranges::find(names, name) == names.end()) {
            return Error{
                ErrorCode::kInvalid, fmt::format("{} has no argument '{}'", callee, name.substr(0, 80))
            };
        }
    }
    return {};
}

bool CallArguments::flag(std::size_t position, std::string_view name, bool otherwise) const {
    const Value* value = find(position, name);
    return value == nullptr ? otherwise : value->truth();
}

std::optional<std::int64_t> CallArguments::integer(std::size_t position, std::string_view name) const {
    const Value* value = find(position, name);
    if (value == nullptr || value->integer() == nullptr) {
        return std::nullopt;
    }
    return *value->integer();
}

std::string CallArguments::text(std::size_t position, std::string_view name, std::string_view otherwise)
    const {
    const Value* value = find(position, name);
    return value == nullptr || value->is_none() ? std::string(otherwise) : to_text(*value);
}

Result<std::shared_ptr<const List>> items_of(Budget& budget, const Value& value) {
    if (value.list() != nullptr) {
        return value.shared_list();
    }
    List items;
    if (const Dict* dict = value.dict()) {
        for (const auto& [name, member] : dict->members) {
            items.items.emplace_back(name);
        }
    } else if (const std::string* text = value.string()) {
        for (const std::string_view character : Characters(*text)) {
            items.items.emplace_back(character);
        }
    } else if (!value.is_undefined()) {
        return Error{ErrorCode::kInvalid, fmt::format("{} is not iterable", value.type())};
    }
    auto list = budget.list(std::move(items));
    if (!list) {
        return list.error();
    }
    return list->shared_list();
}

Value attribute_path(const Value& object, std::string_view path) {
    Value current = object;
    while (true) {
        const std::size_t dot = path.find('.');
        const std::string_view name = path.substr(0, dot);
        std::size_t index = 0;
        const bool is_index =
            std::from_chars(name.data(), name.data() + name.size(), index).ptr == name.data() + name.size() &&
            !name.empty();
        const Dict* dict = current.dict();
        const List* list = current.list();
        const Value* found = dict != nullptr ? dict->find(name) : nullptr;
        if (is_index && list != nullptr && index < list->items.size()) {
            found = &list->items[index];
        }
        const Value next = found == nullptr ? Value(Undefined{std::string(name)}) : *found;
        if (dot == std::string_view::npos || found == nullptr) {
            return next;
        }
        current = next;
        path.remove_prefix(dot + 1);
    }
}

Result<Value> replace_text(
    Budget& budget,
    std::string_view text,
    std::pair<std::string_view, std::string_view> change,
    std::int64_t count
) {
    const auto& [old, replacement] = change;
    std::string out;
    std::size_t at = 0;
    while (count != 0) {
        // An empty text is found before each character, and at the end.
        const std::size_t found = text.find(old, at);
        if (found == std::string_view::npos) {
            break;
        }
        out.append(text.substr(at, found - at)).append(replacement);
        at = found + old.size();
        if (old.empty()) {
            const std::size_t step = front_character(text.substr(at)).length;
            if (step == 0) {
                return budget.text(std::move(out));
            }
            out.append(text.substr(at, step));
            at += step;
        }
        count -= 1;
        if (out.size() > budget.bytes_max()) {
            break;
        }
    }
    return budget.text(std::move(out.append(text.substr(at))));
}

}  // namespace capstan::text::jinja
