#pragma once

// Text as the scoring libraries of Python see it: by code point, split at Unicode white space.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::metrics {

// Python's str.split(). The views refer to `given`.
std::vector<std::string_view> split_words(std::string_view given);

// Python's str.rstrip().
std::string_view without_trailing_space(std::string_view given);

// The characters of `given`, each as its bytes; a byte that is not UTF-8 is a character.
std::vector<std::string_view> characters_of(std::string_view given);

}  // namespace capstan::metrics
