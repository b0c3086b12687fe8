#pragma once

// Unpacks gzip (RFC 1952), within a limit.

#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan::corpus {

// Text that is not packed comes back as it is. Only the first member of a file is read. kInvalid when it is
// damaged, kTooLarge when it unpacks to more than `bytes_max`.
Result<std::string> unpack_gzip(std::string_view packed, std::size_t bytes_max);

}  // namespace capstan::corpus
