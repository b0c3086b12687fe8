#include "text/word_piece_model.h"

#include <utility>

#include <fmt/format.h>

#include "text/limits.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

// Whether `text` has more than `count` characters.
bool is_longer(std::string_view text, std::size_t count) {
    std::size_t characters = 0;
    while (!text.empty() && characters <= count) {
        text.remove_prefix(front_character(text).length);
        characters += 1;
    }
    return characters > count;
}

}  // namespace

Result<WordPieceModel> WordPieceModel::build(WordPieceSpec spec) {
    if (auto checked = spec.vocabulary.check_for_trie(); !checked) {
        return checked.error();
    }
    WordPieceModel model;
    model.vocabulary_ = std::move(spec.vocabulary);
    model.word_characters_max_ = spec.word_characters_max;
    model.unknown_id_ = model.vocabulary_.id_of(spec.unknown_token);
    if (model.unknown_id_ < 0) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("unk_token '{}' is not in the vocabulary", spec.unknown_token.substr(0, 80))
        };
    }
    std::vector<TokenTrie::Entry> starts;
    std::vector<TokenTrie::Entry> continued;
    for (std::size_t i = 0; i < model.vocabulary_.id_end(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        const std::string_view token = model.vocabulary_.token_of(id);
        starts.push_back({.text = token, .value = id});
        if (token.starts_with(spec.continuing_prefix)) {
            continued.push_back({.text = token.substr(spec.continuing_prefix.size()), .value = id});
        }
    }
    model.starts_ = TokenTrie(std::move(starts));
    model.continued_ = TokenTrie(std::move(continued));
    return model;
}

void WordPieceModel::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
    if (is_longer(word, word_characters_max_)) {
        ids.push_back(unknown_id_);
        return;
    }
    const std::size_t before = ids.size();
    for (std::size_t at = 0; at < word.size();) {
        std::size_t longest = 0;
        std::int32_t found = unknown_id_;
        (at == 0 ? starts_ : continued_)
            .for_each_prefix(word.substr(at), [&](std::size_t bytes, std::int32_t id) {
                longest = bytes;
                found = id;
            });
        if (longest == 0) {
            ids.resize(before);
            ids.push_back(unknown_id_);
            return;
        }
        ids.push_back(found);
        at += longest;
    }
}

}  // namespace capstan::text
