#pragma once

// SentencePiece's precompiled map of characters: strings and what they become, NFKC for the most part. The
// bytes are a double-array trie (Darts) behind its size, then the replacements, each with a zero at its end.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::text {

class Charsmap {
public:
    // How a text is gone through. Both leave characters that are not in the map as they are.
    enum class Walk {
        kLongest,   // As SentencePiece does: at each place the longest string of the map.
        kClusters,  // As Hugging Face does: clusters of less than 6 bytes by the shortest string of the map
                    // that they begin with, other clusters by their characters.
    };

    // kInvalid when the sizes do not fit together.
    static Result<Charsmap> read(std::string_view bytes, Walk walk);

    // Of well-formed text. Stops replacing where there would be more than `bytes_max`. Thread-safe. Cost:
    // linear, times the longest string of the map.
    std::string apply(std::string_view text, std::size_t bytes_max) const;

private:
    struct Match {
        std::size_t bytes = 0;  // 0: none.
        std::string_view replacement;
    };

    Charsmap() = default;

    std::string_view replacement_at(std::uint32_t at) const;
    Match match(std::string_view text, bool wants_longest) const;
    Match match_cluster(std::string_view cluster) const;

    std::vector<std::uint32_t> units_;
    std::string replacements_;
    std::array<bool, 128> keeps_{};  // ASCII that begins no string of the map.
    Walk walk_ = Walk::kLongest;
};

}  // namespace capstan::text
