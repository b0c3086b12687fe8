#include <map>

#include <fmt/format.h>

#include "text/jinja_characters.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"

namespace capstan::text::jinja {
namespace {

template <bool (*kHolds)(const Value&)>
Result<bool> of_value(Budget&, const Value& input, const CallArguments&) {
    return kHolds(input);
}

template <Comparison kComparison>
Result<bool> compares(Budget& budget, const Value& input, const CallArguments& arguments) {
    if (arguments.positional.size() != 1) {
        return Error{ErrorCode::kInvalid, "a test that compares needs one argument"};
    }
    return apply_comparison(budget, kComparison, input, arguments.positional[0]);
}

bool is_defined(const Value& value) {
    return !value.is_undefined();
}

bool is_undefined(const Value& value) {
    return value.is_undefined();
}

bool is_none(const Value& value) {
    return value.is_none();
}

bool is_string(const Value& value) {
    return value.string() != nullptr;
}

bool is_mapping(const Value& value) {
    return value.dict() != nullptr;
}

// A dict has a length and subscripts, and undefined answers to everything: Jinja calls both sequences.
bool is_sequence(const Value& value) {
    return value.string() != nullptr || value.list() != nullptr || value.dict() != nullptr ||
           value.is_undefined();
}

bool is_integer(const Value& value) {
    return value.integer() != nullptr;
}

bool is_float(const Value& value) {
    return value.as<double>() != nullptr;
}

bool is_number(const Value& value) {
    return value.is_number();
}

bool is_boolean(const Value& value) {
    return value.as<bool>() != nullptr;
}

template <bool kWanted>
bool is_exactly(const Value& value) {
    return value.as<bool>() != nullptr && *value.as<bool>() == kWanted;
}

bool is_callable(const Value& value) {
    return value.as<const Macro*>() != nullptr || value.as<Builtin>() != nullptr;
}

bool is_upper(const Value& value) {
    const std::string text = to_text(value);
    return upper(text) == text && lower(text) != text;
}

bool is_lower(const Value& value) {
    const std::string text = to_text(value);
    return lower(text) == text && upper(text) != text;
}

Result<Value> remainder(Budget& budget, const Value& input, std::int64_t divisor) {
    return apply_binary(budget, BinaryOperator::kModulo, input, Value(divisor));
}

template <int kRemainder>
Result<bool> is_parity(Budget& budget, const Value& input, const CallArguments&) {
    const auto rest = remainder(budget, input, 2);
    return rest ? Result<bool>(rest->number() == kRemainder) : rest.error();
}

Result<bool> is_divisible(Budget& budget, const Value& input, const CallArguments& arguments) {
    const auto rest = remainder(budget, input, arguments.integer(0, "num").value_or(0));
    return rest ? Result<bool>(rest->number() == 0) : rest.error();
}

Result<bool> is_filter(Budget&, const Value& input, const CallArguments&) {
    return input.string() != nullptr && find_filter(*input.string()) != nullptr;
}

const std::map<std::string_view, Test> kTests = {
    {"!=", compares<Comparison::kNotEqual>},
    {"<", compares<Comparison::kLess>},
    {"<=", compares<Comparison::kLessOrEqual>},
    {"==", compares<Comparison::kEqual>},
    {">", compares<Comparison::kGreater>},
    {">=", compares<Comparison::kGreaterOrEqual>},
    {"boolean", of_value<is_boolean>},
    {"callable", of_value<is_callable>},
    {"defined", of_value<is_defined>},
    {"divisibleby", is_divisible},
    {"eq", compares<Comparison::kEqual>},
    {"equalto", compares<Comparison::kEqual>},
    {"even", is_parity<0>},
    {"false", of_value<is_exactly<false>>},
    {"filter", is_filter},
    {"float", of_value<is_float>},
    {"ge", compares<Comparison::kGreaterOrEqual>},
    {"greaterthan", compares<Comparison::kGreater>},
    {"gt", compares<Comparison::kGreater>},
    {"in", compares<Comparison::kIn>},
    {"integer", of_value<is_integer>},
    {"iterable", of_value<is_sequence>},
    {"le", compares<Comparison::kLessOrEqual>},
    {"lessthan", compares<Comparison::kLess>},
    {"lower", of_value<is_lower>},
    {"lt", compares<Comparison::kLess>},
    {"mapping", of_value<is_mapping>},
    {"ne", compares<Comparison::kNotEqual>},
    {"none", of_value<is_none>},
    {"number", of_value<is_number>},
    {"odd", is_parity<1>},
    {"sameas", compares<Comparison::kEqual>},
    {"sequence", of_value<is_sequence>},
    {"string", of_value<is_string>},
    {"true", of_value<is_exactly<true>>},
    {"undefined", of_value<is_undefined>},
    {"upper", of_value<is_upper>},
};

}  // namespace

Test find_test(std::string_view name) {
    const auto at = kTests.find(name);
    return at == kTests.end() ? nullptr : at->second;
}

}  // namespace capstan::text::jinja
