#pragma once

// Brings text to one form: NFC, "\n" line ends, no control characters, no trailing spaces, no runs of blank
// lines.

#include <optional>
#include <string>
#include <string_view>

namespace capstan::corpus {

struct NormaliseSettings {
    enum class InvalidUtf8 { kRepair, kDrop };

    InvalidUtf8 invalid_utf8 = InvalidUtf8::kRepair;  // Repair: U+FFFD for each broken byte.
    double invalid_fraction_max = 0.05;               // More broken bytes than this: it is no text.
    std::size_t tab_columns = 8;                      // Tabs become spaces up to the next stop; 0 keeps them.
    std::size_t blank_lines_max = 1;                  // In a row.
};

// Nothing when `given` is not UTF-8 and is to be dropped. What changes besides the form: controls,
// zero-width spaces, bidirectional marks and soft hyphens go (joiners stay: Persian and Indic scripts need
// them); other line ends (CR LF, CR, VT, FF, U+0085, U+2028, U+2029) become "\n"; the spaces of U+00A0,
// U+2000 to 200A, U+202F and U+205F become " "; the hyphens U+2010 and U+2011 and the minus U+2212 become
// "-". Blank lines at both ends go. A text that is left empty is "". Idempotent. Cost: linear.
std::optional<std::string> normalise(std::string_view given, const NormaliseSettings& settings);

}  // namespace capstan::corpus
