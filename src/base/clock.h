#pragma once

// Time, as milliseconds since the Unix epoch in UTC inside and RFC 3339 outside.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan {

// Passed to whatever needs the time, so that a test can stop it.
using ClockMs = std::function<std::int64_t()>;

std::int64_t system_now_ms();     // Wall clock; may jump.
std::int64_t monotonic_now_ms();  // For durations and deadlines; never goes back.
std::int64_t monotonic_now_us();

// "2026-11-20T10:12:16.123Z". Any int64 within years 1 to 9999; outside, the nearest of those.
std::string rfc3339(std::int64_t unix_ms);

// Takes an offset ("+02:00") and one to nine digits of fraction (cut to ms). kInvalid, quoting `text`, for
// the rest.
Result<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace capstan
