#pragma once

// Terminal text as printers and pagers take it, turned into plain text: bold is a character struck twice
// ("a\ba"), underlined one struck over an underscore ("_\ba").

#include <string>
#include <string_view>

namespace capstan::corpus {

// Keeps the last character struck at each place, but an underscore only when nothing else is. A backspace at
// the start of a line or of the text does nothing. Escape sequences (CSI … final byte, OSC … BEL or ST) are
// removed. Any bytes; bytes that are not UTF-8 count as one character each. Cost: linear.
std::string strip_overstrike(std::string_view text);

}  // namespace capstan::corpus
