#include "text/token_model.h"

namespace capstan::text {
namespace {

constexpr std::string_view kMark = "\u2581";

// The first mark that has something else before it, or the end.
std::size_t find_cut(std::string_view text) {
    std::size_t at = 0;
    while (text.substr(at).starts_with(kMark)) {
        at += kMark.size();
    }
    return std::min(text.find(kMark, at), text.size());
}

}  // namespace

void TokenModel::encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const {
    if (const auto* bpe = std::get_if<BpeModel>(&kind_)) {
        bpe->encode(word, scratch.bpe, ids);
    } else if (const auto* scored = std::get_if<ScoredBpeModel>(&kind_)) {
        scored->encode(word, scratch.scored_bpe, ids);
    } else if (const auto* unigram = std::get_if<UnigramModel>(&kind_)) {
        unigram->encode(word, scratch.unigram, ids);
    } else {
        std::get<WordPieceModel>(kind_).encode(word, ids);
    }
}

const TokenVocabulary& TokenModel::vocabulary() const {
    return std::visit([](const auto& model) -> const TokenVocabulary& { return model.vocabulary(); }, kind_);
}

// Merging then never joins what is before such a mark with what is behind it. The mark itself must be a
// token: unknown characters in a row are one. Unigram's sums of scores would be rounded differently.
bool TokenModel::finds_no_token_across_marks() const {
    const auto* bpe = std::get_if<BpeModel>(&kind_);
    const bool merges_only = bpe != nullptr && bpe->only_merges();
    if ((!merges_only && !std::holds_alternative<ScoredBpeModel>(kind_)) || id_of(kMark) < 0) {
        return false;
    }
    for (std::size_t id = 0; id < id_end(); ++id) {
        const std::string_view token = token_of(static_cast<std::int32_t>(id));
        if (find_cut(token) < token.size()) {
            return false;
        }
    }
    return true;
}

std::size_t TokenModel::bytes_of_part(std::string_view word) {
    return find_cut(word);
}

}  // namespace capstan::text
