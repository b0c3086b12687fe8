#pragma once

// A tokenizer as a model's files describe it: text to token ids and back, with the same ids as the reference.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/byte_range.h"

namespace capstan::text {

struct EncodeOptions {
    bool add_special_tokens = false;   // What the post-processor puts around a text, such as a first <s>.
    bool parse_special_tokens = true;  // "<|end|>" in the text is the token. False for text from strangers.
    // No special token begins in these, in order and apart, of a text that is UTF-8.
    std::span<const ByteRange> literal;
};

// Two texts as one input, for models that compare them.
struct EncodedPair {
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> type_ids;  // Of each id: 0 and 1 mostly mean the first and the second text.
};

// What the start of a text loses when it is decoded: the space that encoding put there.
struct DecodeStart {
    std::size_t spaces = 0;     // So many at most, from the start of the text;
    bool all_of_first = false;  // or all spaces of the first token.
};

struct TokenizerParts;  // text/tokenizer_reader.h

// Immutable: everything is thread-safe. Moves in constant time.
class Tokenizer {
public:
    // Of a tokenizer.json. kInvalid, naming the place, for what is not supported; kTooLarge over the limits
    // of text/limits.h.
    static Result<Tokenizer> parse(std::string_view json);
    static Tokenizer assemble(TokenizerParts parts);
    static Result<Tokenizer> load(const std::filesystem::path& file);  // tokenizer.json, or a model's folder.

    ~Tokenizer();
    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;

    // Any bytes. Byte-level tokenizers keep broken UTF-8 as it is; others see U+FFFD. Cost: n log n.
    std::vector<std::int32_t> encode(std::string_view text, EncodeOptions options = {}) const;

    // `literal` must be empty.
    EncodedPair encode_pair(std::string_view first, std::string_view second, EncodeOptions options = {})
        const;

    // What `literal` must name so that no special token is parsed in `text`: in order, apart; mostly nothing.
    std::vector<ByteRange> special_tokens_in(std::string_view text) const;

    // Always UTF-8: U+FFFD where the bytes are broken. Ids out of range are nothing.
    std::string decode(std::span<const std::int32_t> ids, bool skip_special = true) const;

    std::optional<std::int32_t> id_of(std::string_view token) const;
    std::string_view token_of(std::int32_t id) const;  // As in tokenizer.json; empty out of range.
    bool is_special(std::int32_t id) const;

    // One more than the greatest id: the rows of an embedding that this tokenizer needs.
    std::size_t vocabulary_size() const;

    // The bytes that `id` adds when decoding is one token after another (byte-level tokenizers, and
    // SentencePiece's, where the start of the text loses decode_start()); nothing when decoding is more than
    // that. For StreamDecoder and for constrained generation.
    std::optional<std::string_view> bytes_of(std::int32_t id) const;
    DecodeStart decode_start() const;

    // Whether broken bytes are marked one by one, not character by character.
    bool marks_each_broken_byte() const;

private:
    struct Parts;

    explicit Tokenizer(std::unique_ptr<Parts> parts);

    void encode_into(std::string_view text, const EncodeOptions& options, std::vector<std::int32_t>& ids)
        const;

    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan::text
