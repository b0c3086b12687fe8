#pragma once

// Keeps what people write in a conversation from being read as special tokens: a message with "<|end|>" in it
// must not end its own turn and begin another's. What looks like a special token is put between two marks
// before the chat template sees it; behind the template the marks tell where it came out.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace capstan::engine {

class LiteralMarks {
public:
    // Marks the strings in `messages`, at any depth. Mostly there is nothing to mark.
    LiteralMarks(const text::Tokenizer& tokenizer, Json& messages);

    struct Unmarked {
        std::string text;
        std::vector<text::ByteRange> literal;  // As text::EncodeOptions wants it.
    };

    // A template that cut a marked string in two leaves the rest of the text literal.
    Unmarked take_from(std::string_view rendered) const;

private:
    std::string mark_;  // Empty when nothing is marked.
};

}  // namespace capstan::engine
