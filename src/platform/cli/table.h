#pragma once

// Answers of the API as text for a terminal.

#include <string>
#include <vector>

#include "base/json.h"
#include "platform/cli/command.h"

namespace capstan::cli {

// The value at a dotted path, as a person reads it: text without quotes, "-" for null, numbers to 6 digits,
// and containers as compact JSON.
std::string cell_text(const Json& value, const std::string& path);

// One line an item under a line of titles; columns as wide as their widest cell, counted in characters, cells
// cut at 60.
std::string render_table(const Json::Array& items, const std::vector<Column>& columns);

// One "name: value" line a member; containers as indented JSON.
std::string render_members(const Json& object);

}  // namespace capstan::cli
