#pragma once

// "Did you mean": the known name nearest to one that somebody mistyped.

#include <span>
#include <string>
#include <string_view>

namespace capstan::config {

// The known name with the fewest edits, when they are at most a third of it; failing that, the only known
// name that has `name` as its last part ("port" for "http.port"). Empty when nothing is near.
std::string closest(std::string_view name, std::span<const std::string_view> known);

}  // namespace capstan::config
