#pragma once

// A stretch of a text.

#include <cstddef>

namespace capstan::text {

struct ByteRange {
    std::size_t begin = 0;
    std::size_t end = 0;  // One behind the last.

    bool operator==(const ByteRange&) const = default;
};

}  // namespace capstan::text
