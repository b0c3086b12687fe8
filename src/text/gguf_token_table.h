#pragma once

// The tokens of a GGUF file while they are collected: as many as the model has embeddings.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/gguf_tokenizer.h"
#include "text/sentence_piece.h"

namespace capstan::text {

class GgufTokenTable {
public:
    // All of `rows` tokens are padding, [PAD7], until something takes their place.
    GgufTokenTable(std::string model, std::size_t rows);

    // kInvalid, naming the token, when there is no such row.
    Result<void> place(std::int64_t id, std::string_view token, PieceType type);

    // An added token, which is left out when there is no such row: it cannot be an input of the model.
    Result<void> place_added(std::int64_t id, std::string_view token, bool is_special);

    GgufTokenizer& metadata() { return metadata_; }

    GgufTokenizer take() { return std::move(metadata_); }

private:
    GgufTokenizer metadata_;
};

}  // namespace capstan::text
