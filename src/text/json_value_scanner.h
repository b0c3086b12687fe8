#pragma once

// Where does a value of JSON end that comes piece by piece?

#include <cstddef>
#include <string>
#include <string_view>

namespace capstan::text {

// Looks at brackets and strings, not at what stands between them.
class JsonValueScanner {
public:
    enum class Outcome {
        kMore,    // All of the text is part of the value, which goes on.
        kEnd,     // The value ends within the text.
        kBroken,  // A bracket closes what none has opened, or they nest too deep.
    };

    struct Scanned {
        Outcome outcome = Outcome::kMore;
        std::size_t bytes = 0;  // Of the text that are the value's.
    };

    static constexpr std::size_t kDepthMax = 256;

    // Before a value; `text` of the next call begins with its first character.
    void reset();

    // Cost: linear.
    Scanned scan(std::string_view text);

private:
    std::string closers_;  // Of the brackets that are open, the innermost last.
    bool in_string_ = false;
    bool escaped_ = false;
    bool is_scalar_ = false;
};

}  // namespace capstan::text
