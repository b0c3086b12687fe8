#pragma once

// The formats of JSON schema strings, as regular expressions.

#include <string_view>

namespace capstan::engine {

// The expression that whole texts of a format match; empty for a format that is not known. Each allows no
// more than its RFC, and a little less: leap seconds, quoted local parts of addresses, IPv4 inside IPv6 and
// references without a scheme are left out. Days are not counted by month beyond 30 and 31, and February
// has 28.
std::string_view expression_of_format(std::string_view format);

}  // namespace capstan::engine
