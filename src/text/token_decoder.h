#pragma once

// The "decoder" of tokenizer.json: how tokens become text again.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/normalizer.h"

namespace capstan::text {

class TokenDecoder {
public:
    // Null (tokens with spaces between), ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace and
    // Sequence of these; kInvalid for the rest.
    static Result<TokenDecoder> read(const Json& json);

    // Whether decoding is no more than writing the bytes of each token, one after another.
    bool is_only_byte_level() const {
        return steps_.size() == 1 && std::holds_alternative<ByteLevel>(steps_[0]);
    }

    // Well-formed UTF-8 for any tokens.
    std::string decode(std::vector<std::string> tokens) const;

    // The bytes that a byte-level token stands for; its own when it is not in the byte alphabet.
    static std::string bytes_of(std::string_view token);

private:
    struct ByteLevel {};

    struct ByteFallback {};

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

    using Step = std::variant<ByteLevel, ByteFallback, Fuse, Strip, Metaspace, Replacement>;
    using Tokens = std::vector<std::string>;

    static Tokens apply(ByteLevel step, Tokens tokens);
    static Tokens apply(ByteFallback step, Tokens tokens);
    static Tokens apply(Fuse step, Tokens tokens);
    static Tokens apply(const Strip& step, Tokens tokens);
    static Tokens apply(const Metaspace& step, Tokens tokens);
    static Tokens apply(const Replacement& step, Tokens tokens);

    Result<void> add(const Json& json, int depth);

    std::vector<Step> steps_;
};

}  // namespace capstan::text
