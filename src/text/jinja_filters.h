#pragma once

// Filters (`value | name(…)`) and tests (`value is name(…)`), by name.

#include <string_view>

#include "text/jinja_budget.h"

namespace capstan::text::jinja {

using Filter = Result<Value> (*)(Budget& budget, const Value& input, const CallArguments& arguments);
using Test = Result<bool> (*)(Budget& budget, const Value& input, const CallArguments& arguments);

// Null when there is none of that name.
Filter find_filter(std::string_view name);
Filter find_text_filter(std::string_view name);  // Those of texts and numbers,
Filter find_list_filter(std::string_view name);  // and those of lists and dicts.
Test find_test(std::string_view name);

// What "select" and "map" are given first: the name of a filter or test. The rest are its own arguments.
CallArguments without_first(const CallArguments& arguments, std::size_t count);

}  // namespace capstan::text::jinja
