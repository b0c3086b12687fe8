#pragma once

// The "post_processor" of tokenizer.json: the special tokens around one text or a pair of texts.

#include <cstdint>
#include <span>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::text {

class PostProcessor {
public:
    enum class What { kFirst, kSecond, kToken };

    struct Piece {
        What what = What::kToken;
        std::int32_t id = 0;       // Of a token.
        std::int32_t type_id = 0;  // Of all ids of this piece, in an encoded pair.
    };

    // Null, TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which moves offsets that we do
    // not give), and Sequence with at most one that adds tokens; kInvalid for the rest.
    static Result<PostProcessor> read(const Json& json);

    // These tokens around one text; a pair is two such texts.
    static PostProcessor around(std::span<const std::int32_t> before, std::span<const std::int32_t> behind);

    // <cls> A <sep>, and <cls> A <sep> B <sep> with the types 0 and 1.
    static PostProcessor bert(std::int32_t cls, std::int32_t sep);

    // <cls> A <sep>, and <cls> A <sep> <sep> B <sep>; all types are 0.
    static PostProcessor roberta(std::int32_t cls, std::int32_t sep);

    std::span<const Piece> single() const { return single_; }

    std::span<const Piece> pair() const { return pair_; }

private:
    Result<void> add(const Json& json, int depth);
    Result<void> add_template(const Json& json);
    Result<void> add_bert(const Json& json, bool is_roberta);

    std::vector<Piece> single_ = {{.what = What::kFirst}};
    std::vector<Piece> pair_ = {{.what = What::kFirst}, {.what = What::kSecond, .type_id = 1}};
    bool adds_tokens_ = false;
};

}  // namespace capstan::text
