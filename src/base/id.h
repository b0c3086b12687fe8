#pragma once

// Ids: UUIDv7 (RFC 9562, section 5.7). They sort by creation time, also within one millisecond of one
// process.

#include <functional>
#include <string>
#include <string_view>

namespace capstan {

// Passed to whatever names things, so that a test can count instead.
using IdSource = std::function<std::string()>;

// 36 characters, lower case. Thread-safe. Strictly increasing within a process.
std::string new_id();

// Whether `text` has the form of any UUID: 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text);

}  // namespace capstan
