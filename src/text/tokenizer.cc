#include "text/tokenizer.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"
#include "text/limits.h"
#include "text/tokenizer_folder.h"
#include "text/tokenizer_reader.h"
#include "text/word_cache.h"

namespace capstan::text {

struct Tokenizer::Parts {
    explicit Parts(TokenizerParts read);

    struct Token {
        std::string content;  // As in tokenizer.json.
        std::string bytes;    // When decoding is one token after another: what it stands for.
        bool special = false;
    };

    std::string_view content_of(std::size_t id) const { return tokens[id].content; }

    TokenModel model;
    Normalizer normalizer;
    Pretokenizer pretokenizer;
    TokenDecoder decoder;
    PostProcessor post_processor;
    std::vector<Token> tokens;                                // By id.
    std::vector<std::pair<std::string, std::int32_t>> added;  // Sorted by content.
    TokenFinder raw_tokens;                                   // Looked for in the text as it comes,
    TokenFinder normalized_tokens;                            // and in the normalized text.
    mutable WordCachePool caches;                             // Locks itself.
};

Tokenizer::Parts::Parts(TokenizerParts read)
    : model(std::move(read.model)),
      normalizer(std::move(read.normalizer)),
      pretokenizer(std::move(read.pretokenizer)),
      decoder(std::move(read.decoder)),
      post_processor(std::move(read.post_processor)) {
    std::size_t end = model.id_end();
    for (const AddedToken& token : read.added_tokens) {
        end = std::max(end, static_cast<std::size_t>(token.id) + 1);
    }
    tokens.resize(end);
    for (std::size_t id = 0; id < end; ++id) {
        tokens[id].content = model.token_of(static_cast<std::int32_t>(id));
    }
    for (const AddedToken& token : read.added_tokens) {
        Token& slot = tokens[static_cast<std::size_t>(token.id)];
        slot.content = token.normalized ? normalizer.apply(token.content) : token.content;
        slot.special = slot.special || token.special;
        added.emplace_back(token.content, token.id);
        (token.normalized ? normalized_tokens : raw_tokens).add(token, slot.content);
    }
    std::ranges::sort(added);
    if (decoder.is_token_by_token()) {
        for (Token& token : tokens) {
            token.bytes = decoder.bytes_of(token.content);
        }
    }
}

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Result<Tokenizer> Tokenizer::parse(std::string_view json) {
    auto read = read_tokenizer(json);
    if (!read) {
        return with_context("tokenizer.json", read.error());
    }
    return assemble(std::move(*read));
}

Tokenizer Tokenizer::assemble(TokenizerParts parts) {
    return Tokenizer(std::make_unique<Parts>(std::move(parts)));
}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& file) {
    std::error_code no_error_wanted;
    if (std::filesystem::is_directory(file, no_error_wanted)) {
        return load_tokenizer_folder(file);
    }
    const auto text = read_file(file, kTokenizerFileBytesMax);
    if (!text) {
        return text.error();
    }
    auto tokenizer = parse(*text);
    if (!tokenizer) {
        return with_context(file.string(), tokenizer.error());
    }
    return tokenizer;
}

namespace {

// One call of encode: what it reads, and where its ids go.
struct Encoding {
    const TokenFinder& normalized_tokens;
    const Normalizer& normalizer;
    const Pretokenizer& pretokenizer;
    const TokenModel& model;
    WordCache& cache;
    bool parse_special;
    std::vector<std::int32_t>& ids;

    void add_words(std::string_view text, bool is_first) {
        pretokenizer.cut(text, is_first, [&](std::string_view word) {
            model.cut(word, [&](std::string_view part) { cache.encode(model, part, ids); });
        });
    }

    // add_text of a part at `offset`, cut where what is literal begins and ends: normalizing moves bytes, so
    // that the ranges would mean nothing behind it.
    void add_cut(std::string_view part, std::size_t offset, const EncodeOptions& options, bool is_first) {
        const auto add = [&](std::size_t begin, std::size_t end, bool wants_special) {
            if (begin < end) {
                parse_special = wants_special;
                add_text(part.substr(begin, end - begin), is_first && begin == 0);
            }
        };
        std::size_t done = 0;
        for (const ByteRange& range : options.literal) {
            const std::size_t begin = std::clamp(range.begin, offset + done, offset + part.size()) - offset;
            const std::size_t end = std::clamp(range.end, offset + begin, offset + part.size()) - offset;
            add(done, begin, options.parse_special_tokens);
            add(begin, end, false);
            done = end;
        }
        add(done, part.size(), options.parse_special_tokens);
        parse_special = options.parse_special_tokens;
    }

    // `text` has none of the tokens that are looked for before normalizing.
    void add_text(std::string_view text, bool is_first) {
        const std::string normalized = normalizer.is_empty() ? std::string() : normalizer.apply(text);
        const std::string_view wanted = normalizer.is_empty() ? text : std::string_view(normalized);
        if (normalized_tokens.is_empty()) {
            add_words(wanted, is_first);
            return;
        }
        for (const TextPart& part : normalized_tokens.split(wanted, {.wanted = parse_special})) {
            if (part.token) {
                ids.push_back(*part.token);
            } else {
                add_words(part.text, is_first);
            }
            is_first = false;
        }
    }
};

}  // namespace

void Tokenizer::encode_into(
    std::string_view text, const EncodeOptions& options, std::vector<std::int32_t>& ids
) const {
    const Parts& parts = *parts_;
    std::string repaired;
    const bool takes_any_bytes = parts.pretokenizer.takes_any_bytes() && parts.normalizer.takes_any_bytes();
    if (!takes_any_bytes && !is_utf8(text)) {
        repaired = repair_utf8(text);
        text = repaired;
    }
    WordCachePool::Loan cache(parts.caches);
    Encoding encoding{
        .normalized_tokens = parts.normalized_tokens,
        .normalizer = parts.normalizer,
        .pretokenizer = parts.pretokenizer,
        .model = parts.model,
        .cache = *cache,
        .parse_special = options.parse_special_tokens,
        .ids = ids
    };
    bool is_first = true;
    const SpecialTokens special{.wanted = options.parse_special_tokens, .literal = options.literal};
    for (const TextPart& part : parts.raw_tokens.split(text, special)) {
        if (part.token) {
            ids.push_back(*part.token);
        } else if (parts.normalized_tokens.is_empty() || options.literal.empty()) {
            encoding.add_text(part.text, is_first);
        } else {
            encoding.add_cut(
                part.text, static_cast<std::size_t>(part.text.data() - text.data()), options, is_first
            );
        }
        is_first = false;
    }
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
    std::vector<std::int32_t> ids;
    ids.reserve(text.size() / 4 + 8);
    for (const PostProcessor::Piece& piece : parts_->post_processor.single()) {
        if (piece.what == PostProcessor::What::kFirst) {
            encode_into(text, options, ids);
        } else if (options.add_special_tokens && piece.what == PostProcessor::What::kToken) {
            ids.push_back(piece.id);
        }
    }
    return ids;
}

EncodedPair Tokenizer::encode_pair(std::string_view first, std::string_view second, EncodeOptions options)
    const {
    EncodedPair pair;
    options.literal = {};
    for (const PostProcessor::Piece& piece : parts_->post_processor.pair()) {
        if (piece.what != PostProcessor::What::kToken) {
            encode_into(piece.what == PostProcessor::What::kFirst ? first : second, options, pair.ids);
        } else if (options.add_special_tokens) {
            pair.ids.push_back(piece.id);
        }
        pair.type_ids.resize(pair.ids.size(), piece.type_id);
    }
    return pair;
}

std::vector<ByteRange> Tokenizer::special_tokens_in(std::string_view text) const {
    const Parts& parts = *parts_;
    const auto shows_special = [&](const TextPart& part) { return part.token && is_special(*part.token); };
    if (!parts.normalized_tokens.is_empty()) {
        const std::string normalized = parts.normalizer.apply(text);
        if (std::ranges::any_of(parts.normalized_tokens.split(normalized, {}), shows_special)) {
            return {{0, text.size()}};  // Where it stood before normalizing is not known.
        }
    }
    std::vector<ByteRange> found;
    for (const TextPart& part : parts.raw_tokens.split(text, {})) {
        if (shows_special(part)) {
            const auto begin = static_cast<std::size_t>(part.text.data() - text.data());
            found.push_back({begin, begin + part.text.size()});
        }
    }
    return found;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
    const bool only_bytes = parts_->decoder.is_only_byte_level();
    std::string bytes;
    std::vector<std::string> tokens;
    for (const std::int32_t id : ids) {
        if (id < 0 || static_cast<std::size_t>(id) >= parts_->tokens.size()) {
            continue;
        }
        const Parts::Token& token = parts_->tokens[static_cast<std::size_t>(id)];
        if ((skip_special && token.special) || token.content.empty()) {
            continue;
        }
        if (only_bytes) {
            bytes += token.bytes;
        } else {
            tokens.push_back(token.content);
        }
    }
    return only_bytes ? repair_utf8(bytes) : parts_->decoder.decode(std::move(tokens));
}

std::optional<std::int32_t> Tokenizer::id_of(std::string_view token) const {
    const auto& added = parts_->added;
    const auto at =
        std::ranges::lower_bound(added, token, {}, [](const auto& a) { return std::string_view(a.first); });
    if (at != added.end() && at->first == token) {
        return at->second;
    }
    const std::int32_t id = parts_->model.id_of(token);
    return id < 0 ? std::nullopt : std::optional(id);
}

std::string_view Tokenizer::token_of(std::int32_t id) const {
    const bool in_range = id >= 0 && static_cast<std::size_t>(id) < parts_->tokens.size();
    return in_range ? std::string_view(parts_->tokens[static_cast<std::size_t>(id)].content)
                    : std::string_view();
}

bool Tokenizer::is_special(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < parts_->tokens.size() &&
           parts_->tokens[static_cast<std::size_t>(id)].special;
}

std::size_t Tokenizer::vocabulary_size() const {
    return parts_->tokens.size();
}

std::optional<std::string_view> Tokenizer::bytes_of(std::int32_t id) const {
    if (!parts_->decoder.is_token_by_token() || token_of(id).empty()) {
        return std::nullopt;
    }
    return parts_->tokens[static_cast<std::size_t>(id)].bytes;
}

DecodeStart Tokenizer::decode_start() const {
    return parts_->decoder.start();
}

bool Tokenizer::marks_each_broken_byte() const {
    return !parts_->decoder.is_only_byte_level();
}

}  // namespace capstan::text
