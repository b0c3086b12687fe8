#pragma once

// Base64 (RFC 4648, section 4).

#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan {

std::string encode_base64(std::string_view bytes);  // With padding.

// Padding may be left out. kInvalid for any other character, for stray bits at the end and for a length that
// no bytes have.
Result<std::string> decode_base64(std::string_view text);

}  // namespace capstan
