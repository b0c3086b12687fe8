// Reads the input as a file of SentencePiece, and, behind a line of three dashes, as a text to encode with it
// and as ids to decode: streaming must give what decoding gives.

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "text/sentence_piece_file.h"
#include "text/stream_decoder.h"

namespace capstan::text {
namespace {

void check_decoding(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
    const std::string decoded = tokenizer.decode(ids, false);
    CHECK(is_utf8(decoded), "decoding gives UTF-8");
    StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const std::int32_t id : ids) {
        const std::string piece = stream.push(id);
        CHECK(is_utf8(piece), "a piece is whole characters");
        streamed += piece;
    }
    streamed += stream.finish();
    CHECK(streamed == decoded, "streaming gives the same text");
}

void run(std::string_view input) {
    const std::size_t rule = input.rfind("\n---\n");
    const std::string_view text = rule == std::string_view::npos ? "" : input.substr(rule + 5);
    auto file = read_sentence_piece_file(input.substr(0, rule));
    if (!file) {
        return;
    }
    auto parts = assemble_sentence_piece(std::move(file->spec));
    if (!parts) {
        return;
    }
    const Tokenizer tokenizer = Tokenizer::assemble(std::move(*parts));
    check_decoding(tokenizer, tokenizer.encode(text));
    std::vector<std::int32_t> ids;
    for (const char c : text) {
        ids.push_back(static_cast<unsigned char>(c));
    }
    check_decoding(tokenizer, ids);
}

}  // namespace
}  // namespace capstan::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    capstan::text::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
