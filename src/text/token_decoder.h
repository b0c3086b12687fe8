#pragma once

// The "decoder" of tokenizer.json: how tokens become text again.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/normalizer.h"
#include "text/tokenizer.h"

namespace capstan::text {

class TokenDecoder {
public:
    // Null (tokens with spaces between), ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, WordPiece
    // and Sequence of these; kInvalid for the rest.
    static Result<TokenDecoder> read(const Json& json);

    // As SentencePiece decodes: U+2581 is a space, <0xE2> a byte; a text loses so many
    // spaces at its start: one that encoding put there, or all.
    static TokenDecoder sentence_piece(std::size_t start_spaces_max);

    static TokenDecoder byte_level();
    static TokenDecoder word_piece();  // With "##", and English cleaned up.

    // Whether decoding is no more than writing the bytes of each token, one after another.
    bool is_only_byte_level() const {
        return steps_.size() == 1 && std::holds_alternative<ByteLevel>(steps_[0]);
    }

    // Well-formed UTF-8 for any tokens.
    std::string decode(std::vector<std::string> tokens) const;

    // Whether decoding is writing bytes_of() of each token, one after another, without what start() says.
    bool is_token_by_token() const { return by_token_; }

    // Of a token that is not the first. Only when is_token_by_token().
    std::string bytes_of(std::string_view token) const;

    DecodeStart start() const { return start_; }

private:
    struct ByteLevel {};

    struct ByteFallback {
        bool marks_whole_runs = true;  // When one of several bytes in a row is broken, all are.
    };

    struct Fuse {};

    struct Strip {
        std::string content;
        std::size_t at_start;
        std::size_t at_end;
    };

    struct Metaspace {
        std::string replacement;
        bool drops_first;
    };

    struct WordPiece {
        std::string prefix;
        bool cleans_up;
    };

    using Step = std::variant<ByteLevel, ByteFallback, Fuse, Strip, Metaspace, WordPiece, Replacement>;
    using Tokens = std::vector<std::string>;

    static Tokens apply(ByteLevel step, Tokens tokens);
    static Tokens apply(ByteFallback step, Tokens tokens);
    static Tokens apply(Fuse step, Tokens tokens);
    static Tokens apply(const Strip& step, Tokens tokens);
    static Tokens apply(const Metaspace& step, Tokens tokens);
    static Tokens apply(const WordPiece& step, Tokens tokens);
    static Tokens apply(const Replacement& step, Tokens tokens);

    Result<void> add(const Json& json, int depth);
    Result<void> add_step(const Json& json, std::string_view type);

    void find_whether_by_token();

    std::vector<Step> steps_;
    std::size_t steps_by_token_ = 0;  // The first so many look at each token on its own.
    bool by_token_ = false;
    DecodeStart start_;
};

}  // namespace capstan::text
