#pragma once

// Decoding token by token, as a model generates: each piece of text that comes out is whole characters.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace capstan::text {

// For one text; not thread-safe. With a byte-level tokenizer the pieces together are exactly what
// Tokenizer::decode gives for all ids, and so they are with one of SentencePiece for any text it encodes;
// memory and cost are constant a token. (A character made of bytes comes out with its last byte. Hugging
// Face's ByteFallback marks a whole run of bytes as broken when its end is; what came out by then stays.)
class StreamDecoder {
public:
    // `tokenizer` outlives this.
    explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
        : tokenizer_(tokenizer), start_(tokenizer.decode_start()), skip_special_(skip_special) {}

    // From now on `id` comes out as text although it is special: a mark around tool calls, say.
    void show(std::int32_t id) { shown_.push_back(id); }

    // The text that `id` completes; often empty for one that ends within a character.
    std::string push(std::int32_t id);

    // What is left at the end: U+FFFD for a character that never came whole.
    std::string finish();

private:
    std::string push_to_window(std::int32_t id);
    void drop_start();
    std::string repaired(std::string_view bytes) const;

    const Tokenizer& tokenizer_;
    DecodeStart start_;  // What is left of it to be dropped.
    bool skip_special_;
    std::vector<std::int32_t> shown_;   // Special, but not skipped.
    std::string bytes_;                 // Token by token: of a character that is not whole yet.
    std::vector<std::int32_t> window_;  // Otherwise: the last ids, decoded again with each new one.
    std::size_t shown_ids_ = 0;         // Of the window, those whose text came out.
};

}  // namespace capstan::text
