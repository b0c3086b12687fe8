// Reads the input as tokenizer.json, and, behind a line of three dashes, as a text to encode and decode with
// it; a text without that is tried on a byte-level tokenizer, which must give each text back. What can be
// read is written as a GGUF file's metadata, too.

#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "text/bpe_trainer.h"
#include "text/gguf_tokenizer_json.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/tokenizer_writer.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

const Tokenizer& trained() {
    static const Tokenizer tokenizer = [] {
        BpeTrainer trainer({.vocabulary_size = 400, .min_frequency = 0, .special_tokens = {"<|a|>", "<|b|>"}}
        );
        trainer.add("the cat sat on the mat and it's 1984 again, isn't it? 日本語 日本語 é é é");
        return std::move(*Tokenizer::parse(tokenizer_json(*trainer.train()).dump()));
    }();
    return tokenizer;
}

void round_trip(const Tokenizer& tokenizer, std::string_view text, bool exact) {
    const auto ids = tokenizer.encode(text);
    const std::string decoded = tokenizer.decode(ids, false);
    CHECK(is_utf8(decoded), "decoding gives UTF-8");
    if (exact) {
        CHECK(decoded == repair_utf8(text), "a byte-level tokenizer gives the text back");
    }
    StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const std::int32_t id : ids) {
        const std::string piece = stream.push(id);
        CHECK(is_utf8(piece), "a piece is whole characters");
        streamed += piece;
    }
    streamed += stream.finish();
    CHECK(!exact || streamed == decoded, "streaming gives the same text");
    tokenizer.encode(text, {.add_special_tokens = true, .parse_special_tokens = false});
    const EncodedPair pair = tokenizer.encode_pair(text, text, {.add_special_tokens = true});
    CHECK(pair.ids.size() == pair.type_ids.size(), "each id has a type");
    const std::string whole = repair_utf8(text);
    const auto literal = tokenizer.special_tokens_in(whole);
    for (const std::int32_t id : tokenizer.encode(whole, {.literal = literal})) {
        CHECK(!exact || !tokenizer.is_special(id), "what is literal is no special token");
    }
}

void run(std::string_view input) {
    const std::size_t rule = input.find("\n---\n");
    if (rule == std::string_view::npos) {
        round_trip(trained(), input, true);
    }
    const auto tokenizer = Tokenizer::parse(input.substr(0, rule));
    if (tokenizer) {
        round_trip(*tokenizer, rule == std::string_view::npos ? input : input.substr(rule + 5), false);
        const auto json = parse_json(input.substr(0, rule), 64);
        CHECK(json, "what was read is JSON");
        if (const auto metadata = gguf_tokenizer_of_json(*json, 1'000)) {
            CHECK(metadata->types.size() == 1'000, "each row has a token");
            const auto made = tokenizer_from_gguf(*metadata);
        }
    }
}

}  // namespace
}  // namespace capstan::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    capstan::text::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
