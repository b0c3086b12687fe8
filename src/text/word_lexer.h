#pragma once

// Cutting text into words as the regular expressions of well-known tokenizers do, by hand: a regular
// expression engine alone is slower than all the rest of encoding.

#include <cstddef>
#include <optional>
#include <string_view>

namespace capstan::text {

enum class WordPattern {
    kGpt2,    // Also ByteLevel with use_regex.
    kCl100k,  // GPT-4's tiktoken.
    kLlama3,
    kQwen2,
};

// The expression itself, as tokenizer.json would have it.
std::string_view expression_of(WordPattern pattern);

// The pattern that matches as `expression` does; nothing when it is not one of the known spellings.
std::optional<WordPattern> known_pattern(std::string_view expression);

// Bytes of the word at the front of `text`: at least 1 unless it is empty. The words of a text, one after
// another, are all of it. A broken byte counts as punctuation.
std::size_t first_word_bytes(WordPattern pattern, std::string_view text);

}  // namespace capstan::text
