#pragma once

// Regular expressions of tokenizer.json, which are written for Rust's Oniguruma, on PCRE2.
//
// \s is made to mean Unicode's White_Space, as there; the rest of the common ground is used as it is. RE2 has
// no look-ahead, which these expressions need.

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::text {

struct RegexMatch {
    std::size_t begin = 0;
    std::size_t end = 0;
};

// Immutable; used from many threads at once.
class Regex {
public:
    // kInvalid, with the place, for what PCRE2 refuses; kTooLarge over 16 KiB.
    static Result<Regex> compile(std::string_view expression);

    // All matches in `text`, in order, without overlaps and without empty ones. `text` must be well-formed
    // UTF-8. Stops early, as if there were no more, when a match takes too many steps: a hostile expression
    // costs its owner words, not time.
    std::vector<RegexMatch> matches(std::string_view text) const;

private:
    struct Code;

    explicit Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

    std::shared_ptr<const Code> code_;  // Shared by copies, which are equal.
};

}  // namespace capstan::text
