#pragma once

// Texts by which two ways to cut text are told apart: what one of them treats in its own way, they have.

#include <span>
#include <string_view>

namespace capstan::text {

// Words, numbers, punctuation, white space, scripts, and letters that have two forms in Unicode.
std::span<const std::string_view> probe_texts();

}  // namespace capstan::text
