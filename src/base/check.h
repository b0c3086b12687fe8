#pragma once

// CHECK: what must be true or the program is wrong. On in every build.
//
// Not for input, files or peers: those are Errors (base/result.h).

#include <string_view>

namespace capstan {

// Prints "file:line: CHECK failed: condition: why" to stderr and aborts.
[[noreturn]] void check_failed(
    std::string_view condition, std::string_view why, std::string_view file, int line
);

}  // namespace capstan

#define CHECK(condition, why)                                               \
    do {                                                                    \
        if (!(condition)) [[unlikely]] {                                    \
            ::capstan::check_failed(#condition, (why), __FILE__, __LINE__); \
        }                                                                   \
    } while (false)
