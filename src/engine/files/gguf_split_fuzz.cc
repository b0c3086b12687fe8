// Any bytes as pieces of a GGUF model, each from one "GGUF" to the next: joined or refused; what is joined
// has the tensors of all pieces. And any bytes as the name of a piece.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "engine/files/gguf_split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    if (const auto name = capstan::engine::parse_piece_name(rest)) {
        CHECK(name->file_name() == rest, "a name is written as it was read");
    }
    std::vector<capstan::engine::GgufPiece> pieces;
    std::size_t tensors = 0;
    while (!rest.empty()) {
        const std::string_view file = rest.substr(0, rest.find("GGUF", 1));
        rest.remove_prefix(file.size());
        auto content = capstan::engine::parse_gguf(file);
        if (!content || !capstan::engine::piece_count_of(*content)) {
            return 0;
        }
        tensors += content->tensors.size();
        pieces.push_back({.name = "piece", .content = std::move(*content)});
    }
    if (pieces.empty()) {
        return 0;
    }
    const auto joined = capstan::engine::join_pieces(pieces);
    CHECK(!joined || joined->tensors.size() == tensors, "no tensor is lost");
    return 0;
}
