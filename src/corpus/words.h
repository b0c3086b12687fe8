#pragma once

// Text reduced to what duplicates share: lower case, no punctuation, no accents, every number "0". The rules
// are datatrove's `simplify_text`. Words are split at spaces (datatrove asks spaCy, which on simplified text
// differs only in contractions without apostrophes and units such as "0km").

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::corpus {

// In this order: lower-case (without context), numbers (also with one decimal separator) to "0", punctuation
// and controls to " ", white space to one " ", NFD without combining marks (Mn). Bytes that are not UTF-8 end
// up as U+FFFD. Cost: linear.
std::string simplify(std::string_view given);

// At single spaces, as simplify() leaves them. The views refer to `simplified`.
std::vector<std::string_view> split_words(std::string_view simplified);

// XXH64 of each `count` words in a row, joined by " ". Empty when there are fewer words.
std::vector<std::uint64_t> shingle_hashes(const std::vector<std::string_view>& words, std::size_t count);

// At any white space (Unicode).
std::vector<std::string_view> split_at_white_space(std::string_view given);

// Whether datatrove counts the character as punctuation.
bool is_punctuation(std::uint32_t code_point);

// Python's str.isspace: Unicode's White_Space and U+001C to 1F.
bool is_white_space(std::uint32_t code_point);

}  // namespace capstan::corpus
