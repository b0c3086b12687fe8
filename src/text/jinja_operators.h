#pragma once

// Operators, subscripts and methods of values.

#include <string_view>

#include "text/jinja_ast.h"
#include "text/jinja_budget.h"

namespace capstan::text::jinja {

// All but `and` and `or`, which evaluate their right side only when needed.
Result<Value> apply_binary(Budget& budget, BinaryOperator operation, const Value& a, const Value& b);
Result<Value> apply_unary(UnaryOperator operation, const Value& value);
Result<bool> apply_comparison(Budget& budget, Comparison comparison, const Value& a, const Value& b);

// `item in container`
Result<bool> contains(Budget& budget, const Value& container, const Value& item);

// `object[index]`; undefined when there is none.
Result<Value> item_at(Budget& budget, const Value& object, const Value& index);

struct SliceValues {
    Value start;
    Value stop;
    Value step;
};

Result<Value> slice(Budget& budget, const Value& object, const SliceValues& bounds);

// Whether values of this type have a method that templates may call.
bool has_method(const Value& object, std::string_view name);
Result<Value> call_method(
    Budget& budget, const Value& object, std::string_view name, const CallArguments& arguments
);

}  // namespace capstan::text::jinja
