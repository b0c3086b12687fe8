#pragma once

// Decoding token by token, as a model generates: each piece of text that comes out is whole characters.

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace capstan::text {

// For one text; not thread-safe. With a byte-level tokenizer the pieces together are exactly what
// Tokenizer::decode gives for all ids; memory and cost are constant a token.
class StreamDecoder {
public:
    // `tokenizer` outlives this.
    explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
        : tokenizer_(tokenizer), skip_special_(skip_special) {}

    // The text that `id` completes; often empty for one that ends within a character.
    std::string push(std::int32_t id);

    // What is left at the end: U+FFFD for a character that never came whole.
    std::string finish();

private:
    std::string push_to_window(std::int32_t id);

    const Tokenizer& tokenizer_;
    bool skip_special_;
    std::string bytes_;                 // Byte-level: of a character that is not whole yet.
    std::vector<std::int32_t> window_;  // Otherwise: the last ids, decoded again with each new one.
    std::size_t shown_ids_ = 0;         // Of the window, those whose text came out.
};

}  // namespace capstan::text
