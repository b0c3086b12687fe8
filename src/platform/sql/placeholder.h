#pragma once

// Turns the placeholders `:name` of a statement into PostgreSQL's `$1`, leaving strings, quoted names,
// comments and casts (`::`) alone.

#include <string>
#include <string_view>
#include <vector>

namespace capstan::sql {

struct NumberedStatement {
    std::string text;
    std::vector<std::string_view> names;  // names[0] is $1. Views into the statement given.
};

NumberedStatement number_placeholders(std::string_view statement);

}  // namespace capstan::sql
