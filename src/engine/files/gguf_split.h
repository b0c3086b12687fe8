#pragma once

// A GGUF model in several files (llama.cpp's gguf-split): "name-00001-of-00003.gguf" and so on. The first has
// the metadata of all; each has its own tensors, and says which of how many it is.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/files/gguf.h"

namespace capstan::engine {

inline constexpr std::int64_t kGgufPiecesMax = 1'000;

// What a piece's file name says; numbers from 1.
struct GgufPieceName {
    std::string stem;
    std::int64_t number = 0;
    std::int64_t count = 0;

    std::string file_name() const;
};

// Nothing when it is not the name of a piece.
std::optional<GgufPieceName> parse_piece_name(std::string_view file_name);

// How many pieces a file says that it is one of; 1 when it is whole. kInvalid for what is no such number.
Result<std::int64_t> piece_count_of(const GgufContent& content);

struct GgufPiece {
    std::string name;  // For errors.
    GgufContent content;
};

// All as one: the metadata of the first, the tensors of all. kInvalid, naming the piece, when their order or
// number is not what they say, or a tensor is in two of them, or some are missing.
Result<GgufContent> join_pieces(std::span<GgufPiece> pieces);

}  // namespace capstan::engine
