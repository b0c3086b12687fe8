#include "text/jinja_value.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace capstan::text::jinja {
namespace {

// Stays at the top instead of starting again from 0.
std::size_t sum(std::size_t a, std::size_t b) {
    const std::size_t both = a + b;
    return both < a ? ~std::size_t{0} : both;
}

}  // namespace

const Value* Dict::find(std::string_view name) const {
    const auto at =
        std::ranges::find(members, name, [](const auto& member) { return std::string_view(member.first); });
    return at == members.end() ? nullptr : &at->second;
}

Value::Value(List list) {
    for (const Value& item : list.items) {
        list.depth = std::max(list.depth, item.depth() + 1);
        list.weight = sum(list.weight, item.weight());
    }
    data_ = std::make_shared<const List>(std::move(list));
}

Value::Value(Dict dict) {
    for (const auto& [name, value] : dict.members) {
        dict.depth = std::max(dict.depth, value.depth() + 1);
        dict.weight = sum(dict.weight, sum(name.size() + 4, value.weight()));
    }
    data_ = std::make_shared<const Dict>(std::move(dict));
}

// parse_json has bounded the depth.
Value Value::from_json(const Json& json) {
    if (const auto boolean = json.as_bool()) {
        return *boolean;
    }
    if (const auto integer = json.as_int()) {
        return *integer;
    }
    if (const auto number = json.as_double()) {
        return *number;
    }
    if (const std::string* string = json.as_string()) {
        return *string;
    }
    if (const Json::Array* items = json.as_array()) {
        List list;
        list.items.reserve(items->size());
        for (const Json& item : *items) {
            list.items.push_back(from_json(item));
        }
        return list;
    }
    if (const Json::Object* members = json.as_object()) {
        Dict dict;
        dict.members.reserve(members->size());
        for (const auto& [name, value] : *members) {
            dict.members.emplace_back(name, from_json(value));
        }
        return dict;
    }
    return {};
}

bool Value::is_number() const {
    return as<std::int64_t>() != nullptr || as<double>() != nullptr || as<bool>() != nullptr;
}

double Value::number() const {
    if (const auto* integer_value = as<std::int64_t>()) {
        return static_cast<double>(*integer_value);
    }
    if (const auto* boolean = as<bool>()) {
        return *boolean ? 1.0 : 0.0;
    }
    const auto* floating = as<double>();
    return floating == nullptr ? 0.0 : *floating;
}

bool Value::truth() const {
    if (is_number()) {
        return number() != 0.0;
    }
    if (const std::string* text = string()) {
        return !text->empty();
    }
    if (const List* items = list()) {
        return !items->items.empty();
    }
    if (const Dict* members = dict()) {
        return !members->members.empty();
    }
    return !is_undefined() && !is_none();
}

int Value::depth() const {
    if (const List* items = list()) {
        return items->depth;
    }
    const Dict* members = dict();
    return members == nullptr ? 0 : members->depth;
}

std::size_t Value::weight() const {
    if (const std::string* text = string()) {
        return text->size() + 8;
    }
    if (const List* items = list()) {
        return items->weight;
    }
    const Dict* members = dict();
    return members == nullptr ? 8 : members->weight;
}

std::string_view Value::type() const {
    struct Names {
        std::string_view operator()(const Undefined&) const { return "undefined"; }

        std::string_view operator()(None) const { return "None"; }

        std::string_view operator()(bool) const { return "bool"; }

        std::string_view operator()(std::int64_t) const { return "int"; }

        std::string_view operator()(double) const { return "float"; }

        std::string_view operator()(const std::shared_ptr<const std::string>&) const { return "str"; }

        std::string_view operator()(const std::shared_ptr<const List>&) const { return "list"; }

        std::string_view operator()(const std::shared_ptr<const Dict>&) const { return "dict"; }

        std::string_view operator()(Namespace*) const { return "namespace"; }

        std::string_view operator()(const Loop*) const { return "loop"; }

        std::string_view operator()(const Macro*) const { return "macro"; }

        std::string_view operator()(Builtin) const { return "function"; }
    };

    return std::visit(Names{}, data_);
}

bool equal(const Value& a, const Value& b) {
    if (a.is_number() && b.is_number()) {
        const auto *x = a.integer(), *y = b.integer();
        return x != nullptr && y != nullptr ? *x == *y : a.number() == b.number();
    }
    if (a.string() != nullptr && b.string() != nullptr) {
        return *a.string() == *b.string();
    }
    if (a.list() != nullptr && b.list() != nullptr) {
        return std::ranges::equal(a.list()->items, b.list()->items, equal);
    }
    if (a.dict() != nullptr && b.dict() != nullptr) {
        const auto& members = a.dict()->members;
        return members.size() == b.dict()->members.size() &&
               std::ranges::all_of(members, [&](const auto& member) {
                   const Value* other = b.dict()->find(member.first);
                   return other != nullptr && equal(member.second, *other);
               });
    }
    const auto same_pointer = [&]<typename T>(std::type_identity<T>) {
        return a.as<T>() != nullptr && b.as<T>() != nullptr && *a.as<T>() == *b.as<T>();
    };
    return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined()) ||
           same_pointer(std::type_identity<Namespace*>()) ||
           same_pointer(std::type_identity<const Macro*>()) ||
           same_pointer(std::type_identity<const Loop*>()) || same_pointer(std::type_identity<Builtin>());
}

Result<int> compare(const Value& a, const Value& b) {
    const auto sign = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
    if (a.integer() != nullptr && b.integer() != nullptr) {
        return sign(*a.integer(), *b.integer());
    }
    if (a.is_number() && b.is_number()) {
        return sign(a.number(), b.number());
    }
    if (a.string() != nullptr && b.string() != nullptr) {
        return a.string()->compare(*b.string());  // UTF-8 sorts as code points do.
    }
    if (a.list() != nullptr && b.list() != nullptr) {
        const auto &x = a.list()->items, &y = b.list()->items;
        for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
            if (!equal(x[i], y[i])) {
                return compare(x[i], y[i]);
            }
        }
        return sign(x.size(), y.size());
    }
    return Error{
        ErrorCode::kInvalid, fmt::format("'<' is not supported between {} and {}", a.type(), b.type())
    };
}

}  // namespace capstan::text::jinja
