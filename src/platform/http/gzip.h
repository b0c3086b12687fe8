#pragma once

// gzip (RFC 1952), whole texts.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan::http {

std::string gzip(std::string_view bytes);

// kInvalid for what is not one whole gzip member; kTooLarge as soon as the output passes `bytes_max`.
Result<std::string> gunzip(std::string_view bytes, std::uint64_t bytes_max);

}  // namespace capstan::http
