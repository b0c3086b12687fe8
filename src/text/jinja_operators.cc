#include "text/jinja_operators.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "text/jinja_characters.h"

namespace capstan::text::jinja {
namespace {

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Error undefined_error(const Value& value) {
    return invalid(fmt::format("'{}' is undefined", value.as<Undefined>()->name));
}

std::string_view symbol_of(BinaryOperator operation) {
    switch (operation) {
        case BinaryOperator::kAdd:
            return "+";
        case BinaryOperator::kSubtract:
            return "-";
        case BinaryOperator::kMultiply:
            return "*";
        case BinaryOperator::kDivide:
            return "/";
        case BinaryOperator::kFloorDivide:
            return "//";
        case BinaryOperator::kModulo:
            return "%";
        case BinaryOperator::kPower:
            return "**";
        case BinaryOperator::kConcatenate:
            return "~";
        default:
            return "and";
    }
}

// Python's integers have no end; ours are an error where they would overflow.
Result<Value> integer_power(std::int64_t base, std::int64_t exponent) {
    if (exponent < 0) {
        return base == 0 ? Result<Value>(invalid("0 to a negative power"))
                         : Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
    }
    std::int64_t result = 1;
    for (std::int64_t i = 0; i < exponent && result != 0 && (base != 1 || i == 0); ++i) {
        if (__builtin_mul_overflow(result, base, &result)) {
            return invalid("a number is too large");
        }
        if (base == -1 && i > 1) {
            return Value(std::int64_t{exponent % 2 == 0 ? 1 : -1});
        }
    }
    return Value(result);
}

Result<Value> integer_arithmetic(BinaryOperator operation, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    bool overflow = false;
    switch (operation) {
        case BinaryOperator::kAdd:
            overflow = __builtin_add_overflow(a, b, &result);
            break;
        case BinaryOperator::kSubtract:
            overflow = __builtin_sub_overflow(a, b, &result);
            break;
        case BinaryOperator::kMultiply:
            overflow = __builtin_mul_overflow(a, b, &result);
            break;
        case BinaryOperator::kPower:
            return integer_power(a, b);
        default:
            if (b == 0) {
                return invalid("division by zero");
            }
            if (b == -1) {
                overflow = operation == BinaryOperator::kFloorDivide && __builtin_sub_overflow(0, a, &result);
                break;
            }
            // Python rounds down, and the remainder has the divisor's sign.
            result = operation == BinaryOperator::kModulo ? a % b : a / b;
            if (a % b != 0 && (a < 0) != (b < 0)) {
                result += operation == BinaryOperator::kModulo ? b : -1;
            }
    }
    if (overflow) {
        return invalid("a number is too large");
    }
    return Value(result);
}

Result<Value> float_arithmetic(BinaryOperator operation, double a, double b) {
    const bool divides = operation == BinaryOperator::kDivide || operation == BinaryOperator::kFloorDivide ||
                         operation == BinaryOperator::kModulo;
    if (divides && b == 0) {
        return invalid("division by zero");
    }
    switch (operation) {
        case BinaryOperator::kAdd:
            return Value(a + b);
        case BinaryOperator::kSubtract:
            return Value(a - b);
        case BinaryOperator::kMultiply:
            return Value(a * b);
        case BinaryOperator::kDivide:
            return Value(a / b);
        case BinaryOperator::kFloorDivide:
            return Value(std::floor(a / b));
        case BinaryOperator::kModulo:
            return Value(a - b * std::floor(a / b));
        default:
            return Value(std::pow(a, b));
    }
}

std::int64_t integer_of(const Value& value) {
    return value.integer() != nullptr ? *value.integer() : static_cast<std::int64_t>(value.number());
}

Result<Value> repeat(Budget& budget, const std::string& text, std::int64_t times) {
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
    if (!text.empty() && count > budget.bytes_max() / text.size()) {
        return Error{ErrorCode::kTooLarge, fmt::format("a text has more than {} bytes", budget.bytes_max())};
    }
    std::string out;
    for (std::size_t i = 0; i < count && !text.empty(); ++i) {
        out += text;
    }
    return budget.text(std::move(out));
}

Result<Value> add_sequences(Budget& budget, const Value& a, const Value& b) {
    if (a.string() != nullptr) {
        return budget.text(*a.string() + *b.string());
    }
    List list = *a.list();
    list.items.insert(list.items.end(), b.list()->items.begin(), b.list()->items.end());
    return budget.list(List{.items = std::move(list.items), .is_tuple = list.is_tuple});
}

}  // namespace

Result<Value> apply_binary(Budget& budget, BinaryOperator operation, const Value& a, const Value& b) {
    if (operation == BinaryOperator::kConcatenate) {
        for (const Value* value : {&a, &b}) {
            if (auto charged = budget.charge_walk(*value); !charged) {
                return charged.error();
            }
        }
        return budget.text(to_text(a) + to_text(b));
    }
    for (const Value* value : {&a, &b}) {
        if (value->is_undefined()) {
            return undefined_error(*value);
        }
    }
    if (a.is_number() && b.is_number()) {
        const bool whole = a.as<double>() == nullptr && b.as<double>() == nullptr;
        return whole && operation != BinaryOperator::kDivide
                   ? integer_arithmetic(operation, integer_of(a), integer_of(b))
                   : float_arithmetic(operation, a.number(), b.number());
    }
    const bool both_texts = a.string() != nullptr && b.string() != nullptr;
    const bool both_lists = a.list() != nullptr && b.list() != nullptr;
    if (operation == BinaryOperator::kAdd && (both_texts || both_lists)) {
        return add_sequences(budget, a, b);
    }
    if (operation == BinaryOperator::kMultiply) {
        if (a.string() != nullptr && b.integer() != nullptr) {
            return repeat(budget, *a.string(), *b.integer());
        }
        if (b.string() != nullptr && a.integer() != nullptr) {
            return repeat(budget, *b.string(), *a.integer());
        }
    }
    return invalid(
        fmt::format("'{}' is not supported between {} and {}", symbol_of(operation), a.type(), b.type())
    );
}

Result<Value> apply_unary(UnaryOperator operation, const Value& value) {
    if (operation == UnaryOperator::kNot) {
        return Value(!value.truth());
    }
    if (value.is_undefined()) {
        return undefined_error(value);
    }
    if (!value.is_number()) {
        return invalid(fmt::format("a sign is not supported before {}", value.type()));
    }
    if (operation == UnaryOperator::kPlus) {
        return value;
    }
    return value.as<double>() != nullptr
               ? Result<Value>(Value(-value.number()))
               : integer_arithmetic(BinaryOperator::kSubtract, 0, integer_of(value));
}

Result<bool> apply_comparison(Budget& budget, Comparison comparison, const Value& a, const Value& b) {
    if (auto charged = budget.charge(1 + std::min(a.weight(), b.weight()) / 16); !charged) {
        return charged.error();
    }
    switch (comparison) {
        case Comparison::kEqual:
            return equal(a, b);
        case Comparison::kNotEqual:
            return !equal(a, b);
        case Comparison::kIn:
            return contains(budget, b, a);
        case Comparison::kNotIn: {
            auto found = contains(budget, b, a);
            return found ? Result<bool>(!*found) : found;
        }
        default:
            break;
    }
    for (const Value* value : {&a, &b}) {
        if (value->is_undefined()) {
            return undefined_error(*value);
        }
    }
    const auto order = compare(a, b);
    if (!order) {
        return order.error();
    }
    switch (comparison) {
        case Comparison::kLess:
            return *order < 0;
        case Comparison::kLessOrEqual:
            return *order <= 0;
        case Comparison::kGreater:
            return *order > 0;
        default:
            return *order >= 0;
    }
}

Result<bool> contains(Budget& budget, const Value& container, const Value& item) {
    if (auto charged = budget.charge_walk(container); !charged) {
        return charged.error();
    }
    if (const List* list = container.list()) {
        return std::ranges::any_of(list->items, [&](const Value& other) { return equal(other, item); });
    }
    if (const Dict* dict = container.dict()) {
        return item.string() != nullptr && dict->find(*item.string()) != nullptr;
    }
    if (const std::string* text = container.string()) {
        if (item.string() == nullptr) {
            return invalid(fmt::format("'in <str>' needs a str, not {}", item.type()));
        }
        return text->find(*item.string()) != std::string::npos;
    }
    if (container.is_undefined()) {
        return false;
    }
    return invalid(fmt::format("'in' is not supported for {}", container.type()));
}

Result<Value> item_at(Budget& budget, const Value& object, const Value& index) {
    if (object.is_undefined()) {
        return undefined_error(object);
    }
    if (auto charged = budget.charge(1 + (object.list() != nullptr ? 0 : object.weight() / 256)); !charged) {
        return charged.error();
    }
    const Value missing(Undefined{to_text(index)});
    if (const std::string* name = index.string()) {
        const Value* found = object.dict() == nullptr ? nullptr : object.dict()->find(*name);
        return found == nullptr ? missing : *found;
    }
    if (!index.is_number() || index.as<double>() != nullptr) {
        return missing;
    }
    if (const List* list = object.list()) {
        const auto size = static_cast<std::int64_t>(list->items.size());
        const std::int64_t at = integer_of(index) + (integer_of(index) < 0 ? size : 0);
        return at >= 0 && at < size ? list->items[static_cast<std::size_t>(at)] : missing;
    }
    if (object.string() != nullptr) {
        const std::int64_t at = integer_of(index);
        const Value stop = at == -1 ? Value() : Value(at + 1);
        auto character = slice(budget, object, {.start = Value(at), .stop = stop, .step = Value()});
        return character && character->string()->empty() ? missing : character;
    }
    return missing;
}

Result<Value> slice(Budget& budget, const Value& object, const SliceValues& bounds) {
    if (object.is_undefined()) {
        return undefined_error(object);
    }
    if (auto charged = budget.charge(1 + object.weight() / 16); !charged) {
        return charged.error();
    }
    for (const Value* bound : {&bounds.start, &bounds.stop, &bounds.step}) {
        if (!bound->is_none() && bound->integer() == nullptr) {
            return invalid(fmt::format("a slice needs whole numbers, not {}", bound->type()));
        }
    }
    const auto optional = [](const Value& bound) {
        return bound.is_none() ? std::nullopt : std::optional(*bound.integer());
    };
    const SliceBounds wanted{
        .start = optional(bounds.start),
        .stop = optional(bounds.stop),
        .step = optional(bounds.step).value_or(1)
    };
    if (wanted.step == 0) {
        return invalid("a slice's step cannot be zero");
    }
    if (const List* list = object.list()) {
        List taken{.items = {}, .is_tuple = list->is_tuple};
        for (const std::size_t at : slice_positions(list->items.size(), wanted)) {
            taken.items.push_back(list->items[at]);
        }
        return budget.list(std::move(taken));
    }
    if (const std::string* text = object.string()) {
        std::vector<std::string_view> characters;
        for (const std::string_view character : Characters(*text)) {
            characters.push_back(character);
        }
        std::string taken;
        for (const std::size_t at : slice_positions(characters.size(), wanted)) {
            taken += characters[at];
        }
        return budget.text(std::move(taken));
    }
    return invalid(fmt::format("{} cannot be sliced", object.type()));
}

}  // namespace capstan::text::jinja
