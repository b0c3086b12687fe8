#include "text/gguf_tokenizer.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "text/gguf_pretokenizer.h"
#include "text/limits.h"
#include "text/sentence_piece.h"
#include "text/tokenizer_reader.h"

namespace capstan::text {
namespace {

constexpr std::string_view kMark = "\u2581";

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

PieceType type_of(const GgufTokenizer& metadata, std::size_t id) {
    const std::int32_t type = metadata.types.empty() ? 1 : metadata.types[id];
    return type >= 1 && type <= 6 ? static_cast<PieceType>(type) : PieceType::kNormal;
}

Result<void> check_id(const std::optional<std::int32_t>& id, std::size_t tokens, std::string_view key) {
    if (id && (*id < 0 || static_cast<std::size_t>(*id) >= tokens)) {
        return invalid(fmt::format("tokenizer.ggml.{}: there is no token {}", key, *id));
    }
    return {};
}

Result<void> check(const GgufTokenizer& metadata) {
    const std::size_t tokens = metadata.tokens.size();
    if (tokens == 0 || tokens > kVocabularySizeMax || metadata.merges.size() > kMergesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format(
                "tokenizer.ggml has {} tokens and {} merges; 1 to {}, and {} are possible",
                tokens,
                metadata.merges.size(),
                kVocabularySizeMax,
                kMergesMax
            )
        };
    }
    if (!metadata.types.empty() && metadata.types.size() != tokens) {
        return invalid(
            fmt::format("tokenizer.ggml.token_type has {} of {} tokens", metadata.types.size(), tokens)
        );
    }
    for (const auto& [id, key] :
         {std::pair(metadata.bos_id, "bos_token_id"),
          std::pair(metadata.eos_id, "eos_token_id"),
          std::pair(metadata.unknown_id, "unknown_token_id"),
          std::pair(metadata.separator_id, "seperator_token_id"),
          std::pair(metadata.cls_id, "cls_token_id")}) {
        if (auto checked = check_id(id, tokens, key); !checked) {
            return checked;
        }
    }
    return {};
}

// The defaults of a model where the file is silent.
struct Defaults {
    std::optional<std::int32_t> bos_id;
    std::optional<std::int32_t> eos_id;
    bool add_bos = false;
    bool add_eos = false;
};

Result<PostProcessor> post_processor_of(const GgufTokenizer& metadata, const Defaults& defaults) {
    const auto bos = metadata.bos_id ? metadata.bos_id : defaults.bos_id;
    const auto eos = metadata.eos_id ? metadata.eos_id : defaults.eos_id;
    std::vector<std::int32_t> before;
    std::vector<std::int32_t> behind;
    if (metadata.add_bos.value_or(defaults.add_bos) && bos) {
        before.push_back(*bos);
    }
    if (metadata.add_eos.value_or(defaults.add_eos) && eos) {
        behind.push_back(*eos);
    }
    for (const std::int32_t id : before) {
        if (auto checked = check_id(id, metadata.tokens.size(), "bos_token_id"); !checked) {
            return checked.error();
        }
    }
    for (const std::int32_t id : behind) {
        if (auto checked = check_id(id, metadata.tokens.size(), "eos_token_id"); !checked) {
            return checked.error();
        }
    }
    // An encoder's Unigram is XLM-RoBERTa's.
    const bool is_roberta = metadata.model == "t5" && !before.empty() && !behind.empty();
    return is_roberta ? PostProcessor::roberta(before.front(), behind.front())
                      : PostProcessor::around(before, behind);
}

Result<TokenizerParts> sentence_piece_of(GgufTokenizer& metadata) {
    const bool is_unigram = metadata.model == "t5";
    if (metadata.scores.size() != metadata.tokens.size()) {
        return invalid(fmt::format(
            "tokenizer.ggml.scores has {} of {} tokens", metadata.scores.size(), metadata.tokens.size()
        ));
    }
    auto post_processor = post_processor_of(
        metadata,
        is_unigram ? Defaults{.eos_id = 1, .add_eos = true}
                   : Defaults{.bos_id = 1, .eos_id = 2, .add_bos = true}
    );
    if (!post_processor) {
        return post_processor.error();
    }
    SentencePieceSpec spec{
        .is_unigram = is_unigram,
        .charsmap = std::move(metadata.charsmap),
        .joins_spaces = metadata.joins_spaces.value_or(false),
        .prepends_space = metadata.add_space_prefix.value_or(true),
        .unknown_id = metadata.unknown_id,
        .post_processor = std::move(*post_processor)
    };
    for (std::size_t id = 0; id < metadata.tokens.size(); ++id) {
        const PieceType type = type_of(metadata, id);
        spec.byte_fallback = spec.byte_fallback || type == PieceType::kByte;
        if (type == PieceType::kUnknown && !spec.unknown_id) {
            spec.unknown_id = static_cast<std::int32_t>(id);
        }
        spec.pieces.push_back(
            {.text = std::move(metadata.tokens[id]), .score = metadata.scores[id], .type = type}
        );
    }
    return assemble_sentence_piece(std::move(spec));
}

// "a b"; the space that parts them is behind the first character at the earliest.
Result<std::pair<std::string, std::string>> split_merge(const std::string& merge, std::size_t number) {
    const std::size_t space = merge.find(' ', 1);
    if (merge.empty() || space == std::string::npos) {
        return invalid(fmt::format(
            "tokenizer.ggml.merges: merge {} ('{}') is not two tokens", number, merge.substr(0, 80)
        ));
    }
    return std::pair(merge.substr(0, space), merge.substr(space + 1));
}

bool is_added(PieceType type) {
    return type == PieceType::kControl || type == PieceType::kUserDefined || type == PieceType::kUnknown;
}

Result<TokenizerParts> byte_level_of(GgufTokenizer& metadata) {
    auto pre = gguf_pretokenizer(metadata.pre);
    if (!pre) {
        return pre.error();
    }
    auto post_processor = post_processor_of(metadata, {.add_bos = pre->adds_bos});
    if (!post_processor) {
        return post_processor.error();
    }
    BpeSpec spec{.ignore_merges = pre->ignore_merges, .byte_level = true};
    std::vector<AddedToken> added;
    for (std::size_t i = 0; i < metadata.tokens.size(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        const PieceType type = type_of(metadata, i);
        std::string& token = metadata.tokens[i];
        if (is_added(type) && !token.empty()) {
            added.push_back(
                {.id = id,
                 .content = std::move(token),
                 .special = type != PieceType::kUserDefined,
                 .normalized = false}
            );
        } else if (!token.empty()) {
            spec.vocabulary.emplace_back(std::move(token), id);
        }
    }
    for (std::size_t i = 0; i < metadata.merges.size(); ++i) {
        auto merge = split_merge(metadata.merges[i], i);
        if (!merge) {
            return merge.error();
        }
        spec.merges.push_back(std::move(*merge));
    }
    auto model = BpeModel::build(spec);
    if (!model) {
        return model.error();
    }
    if (auto checked = check_added_tokens(added); !checked) {
        return checked.error();
    }
    return TokenizerParts{
        .model = TokenModel(std::move(*model)),
        .added_tokens = std::move(added),
        .normalizer = std::move(pre->normalizer),
        .pretokenizer = std::move(pre->pretokenizer),
        .decoder = TokenDecoder::byte_level(),
        .post_processor = std::move(*post_processor)
    };
}

// In these files a word's first token has U+2581 before it, and those within a word have no "##".
Result<TokenizerParts> word_piece_of(GgufTokenizer& metadata) {
    WordPieceSpec spec;
    std::vector<AddedToken> added;
    const auto unknown_id = static_cast<std::size_t>(metadata.unknown_id.value_or(100));
    for (std::size_t i = 0; i < metadata.tokens.size(); ++i) {
        std::string token = std::move(metadata.tokens[i]);
        const bool is_special = is_added(type_of(metadata, i)) || i == unknown_id;
        if (token.starts_with(kMark)) {
            token.erase(0, kMark.size());
        } else if (!is_special) {
            token.insert(0, spec.continuing_prefix);
        } else if (!token.empty()) {
            added.push_back(
                {.id = static_cast<std::int32_t>(i), .content = token, .special = true, .normalized = false}
            );
        }
        if (i == unknown_id) {
            spec.unknown_token = token;
        }
        if (auto appended = spec.vocabulary.append(token); !appended) {
            return appended.error();
        }
    }
    const std::int32_t cls = metadata.cls_id.value_or(metadata.bos_id.value_or(101));
    const std::int32_t separator = metadata.separator_id.value_or(metadata.eos_id.value_or(102));
    for (const auto& [id, key] :
         {std::pair(cls, "cls_token_id"), std::pair(separator, "seperator_token_id")}) {
        if (auto checked = check_id(id, metadata.tokens.size(), key); !checked) {
            return checked.error();
        }
    }
    auto model = WordPieceModel::build(std::move(spec));
    if (!model) {
        return model.error();
    }
    if (auto checked = check_added_tokens(added); !checked) {
        return checked.error();
    }
    return TokenizerParts{
        .model = TokenModel(std::move(*model)),
        .added_tokens = std::move(added),
        .normalizer = Normalizer::bert({}),
        .pretokenizer = Pretokenizer::bert(),
        .decoder = TokenDecoder::word_piece(),
        .post_processor = PostProcessor::bert(cls, separator)
    };
}

}  // namespace

Result<Tokenizer> tokenizer_from_gguf(GgufTokenizer metadata) {
    if (auto checked = check(metadata); !checked) {
        return checked.error();
    }
    auto parts = [&]() -> Result<TokenizerParts> {
        if (metadata.model == "llama" || metadata.model == "t5") {
            return sentence_piece_of(metadata);
        }
        if (metadata.model == "gpt2") {
            return byte_level_of(metadata);
        }
        if (metadata.model == "bert") {
            return word_piece_of(metadata);
        }
        return invalid(fmt::format(
            "tokenizer.ggml.model: '{}' is not supported; llama, gpt2, bert and t5 are",
            metadata.model.substr(0, 80)
        ));
    }();
    if (!parts) {
        return parts.error();
    }
    return Tokenizer::assemble(std::move(*parts));
}

}  // namespace capstan::text
