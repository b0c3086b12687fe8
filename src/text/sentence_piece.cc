#include "text/sentence_piece.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "text/limits.h"

namespace capstan::text {
namespace {

constexpr std::string_view kMark = "\u2581";

// Pieces of spaces are found in the normalized text only, so by the model.
bool is_found_by_model(const Piece& piece) {
    return piece.text.contains(kMark) || piece.text.contains(' ');
}

std::vector<AddedToken> added_tokens_of(const SentencePieceSpec& spec) {
    std::vector<AddedToken> tokens;
    for (std::size_t i = 0; i < spec.pieces.size(); ++i) {
        const Piece& piece = spec.pieces[i];
        const bool is_user_defined = piece.type == PieceType::kUserDefined && !is_found_by_model(piece);
        const bool is_special = piece.type == PieceType::kControl || piece.type == PieceType::kUnknown;
        if (!piece.text.empty() && (is_user_defined || is_special)) {
            tokens.push_back(
                {.id = static_cast<std::int32_t>(i),
                 .content = piece.text,
                 .special = is_special,
                 .normalized = false}
            );
        }
    }
    return tokens;
}

// In the normalized text a space is a mark.
std::string with_marks(std::string_view text) {
    std::string marked;
    for (const char c : text) {
        marked += c == ' ' ? kMark : std::string_view(&c, 1);
    }
    return marked;
}

Result<TokenVocabulary> vocabulary_of(const SentencePieceSpec& spec) {
    TokenVocabulary vocabulary;
    for (std::size_t id = 0; id < spec.pieces.size(); ++id) {
        const Piece& piece = spec.pieces[id];
        if (!is_utf8(piece.text)) {  // Bytes are pieces of their own, "<0xE2>".
            return Error{ErrorCode::kInvalid, fmt::format("token {} is not UTF-8", id)};
        }
        const bool is_marked = piece.type == PieceType::kUserDefined && is_found_by_model(piece);
        if (auto added = vocabulary.append(is_marked ? with_marks(piece.text) : piece.text); !added) {
            return added.error();
        }
    }
    return vocabulary;
}

Result<TokenModel> make_bpe(const SentencePieceSpec& spec, TokenVocabulary vocabulary) {
    ScoredBpeSpec bpe{
        .vocabulary = std::move(vocabulary),
        .unknown_id = spec.unknown_id,
        .byte_fallback = spec.byte_fallback
    };
    for (const Piece& piece : spec.pieces) {
        bpe.scores.push_back(piece.score);
        const bool is_whole = piece.type == PieceType::kUserDefined && is_found_by_model(piece);
        bpe.uses.push_back(
            piece.type == PieceType::kNormal   ? ScoredBpeUse::kNormal
            : piece.type == PieceType::kUnused ? ScoredBpeUse::kUnused
            : is_whole                         ? ScoredBpeUse::kWhole
                                               : ScoredBpeUse::kLeftOut
        );
    }
    auto model = ScoredBpeModel::build(std::move(bpe));
    return model ? Result<TokenModel>(TokenModel(std::move(*model))) : Result<TokenModel>(model.error());
}

Result<TokenModel> make_unigram(const SentencePieceSpec& spec, TokenVocabulary vocabulary) {
    UnigramSpec unigram{
        .vocabulary = std::move(vocabulary),
        .unknown_id = spec.unknown_id,
        .byte_fallback = spec.byte_fallback,
        .sums_floats = true
    };
    // SentencePiece's own start, which all logarithms are below.
    double score_max = std::numeric_limits<float>::min();
    for (const Piece& piece : spec.pieces) {
        score_max = piece.type == PieceType::kNormal ? std::max<double>(score_max, piece.score) : score_max;
    }
    for (const Piece& piece : spec.pieces) {
        const bool is_whole = piece.type == PieceType::kUserDefined && is_found_by_model(piece);
        unigram.left_out.push_back(piece.type != PieceType::kNormal && !is_whole);
        // SentencePiece's own bonus: such a piece wins against all others.
        unigram.scores.push_back(
            is_whole ? static_cast<double>(piece.text.size()) * score_max - 0.1 : piece.score
        );
    }
    auto model = UnigramModel::build(std::move(unigram));
    return model ? Result<TokenModel>(TokenModel(std::move(*model))) : Result<TokenModel>(model.error());
}

}  // namespace

Result<TokenizerParts> assemble_sentence_piece(SentencePieceSpec spec) {
    Normalizer::SentencePiece normalizing{
        .joins_spaces = spec.joins_spaces,
        .prepends_space = spec.prepends_space,
        .marks_spaces = spec.marks_spaces
    };
    if (!spec.charsmap.empty()) {
        auto map = Charsmap::read(spec.charsmap, Charsmap::Walk::kLongest);
        if (!map) {
            return map.error();
        }
        normalizing.charsmap = std::move(*map);
    }
    auto vocabulary = vocabulary_of(spec);
    if (!vocabulary) {
        return vocabulary.error();
    }
    auto model =
        spec.is_unigram ? make_unigram(spec, std::move(*vocabulary)) : make_bpe(spec, std::move(*vocabulary));
    if (!model) {
        return model.error();
    }
    auto added_tokens = added_tokens_of(spec);
    if (auto checked = check_added_tokens(added_tokens); !checked) {
        return checked.error();
    }
    const std::size_t start_spaces_max = spec.joins_spaces ? kTokenBytesMax : spec.prepends_space ? 1 : 0;
    return TokenizerParts{
        .model = std::move(*model),
        .added_tokens = std::move(added_tokens),
        .normalizer = Normalizer::sentence_piece(std::move(normalizing)),
        .pretokenizer = {},
        .decoder = TokenDecoder::sentence_piece(start_spaces_max),
        .post_processor = std::move(spec.post_processor)
    };
}

}  // namespace capstan::text
