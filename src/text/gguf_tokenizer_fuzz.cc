// Reads the input's lines as the metadata of a GGUF file (the model, the way to cut words, then tokens, each
// behind a letter for its type), merges behind a line of three dashes, and a text behind another one.

#include <algorithm>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "text/gguf_tokenizer.h"
#include "text/stream_decoder.h"

namespace capstan::text {
namespace {

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

void run(std::string_view input) {
    constexpr std::string_view kRule = "---";
    GgufTokenizer metadata;
    metadata.model = take_line(input);
    metadata.pre = take_line(input);
    for (std::string_view line = take_line(input); line != kRule && !input.empty(); line = take_line(input)) {
        const std::int32_t type = line.empty() ? 1 : line.front() - '0';
        metadata.types.push_back(type);
        metadata.scores.push_back(-static_cast<float>(metadata.tokens.size() % 7));
        metadata.tokens.emplace_back(line.empty() ? line : line.substr(1));
    }
    for (std::string_view line = take_line(input); line != kRule && !input.empty(); line = take_line(input)) {
        metadata.merges.emplace_back(line);
    }
    metadata.unknown_id = 0;
    metadata.bos_id = metadata.cls_id = metadata.eos_id = metadata.separator_id = 1;
    const bool is_sentence_piece = metadata.model == "llama" || metadata.model == "t5";
    const auto tokenizer = tokenizer_from_gguf(std::move(metadata));
    if (!tokenizer) {
        return;
    }
    const auto ids = tokenizer->encode(input, {.add_special_tokens = true});
    const std::string decoded = tokenizer->decode(ids, false);
    CHECK(is_utf8(decoded), "decoding gives UTF-8");
    StreamDecoder stream(*tokenizer, false);
    std::string streamed;
    for (const std::int32_t id : ids) {
        streamed += stream.push(id);
    }
    streamed += stream.finish();
    CHECK(is_utf8(streamed), "pieces are whole characters");
    CHECK(!is_sentence_piece || streamed == decoded, "streaming gives the same text");
    const EncodedPair pair = tokenizer->encode_pair(input, input, {.add_special_tokens = true});
    CHECK(pair.ids.size() == pair.type_ids.size(), "each id has a type");
}

}  // namespace
}  // namespace capstan::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    capstan::text::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
