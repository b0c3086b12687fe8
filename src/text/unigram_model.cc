#include "text/unigram_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "text/limits.h"
#include "text/token_scores.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

constexpr double kUnknownPenalty = 10;  // SentencePiece's kUnkPenalty, below the least score.
constexpr std::size_t kStretchBytesMax = std::size_t{1} << 30;

}  // namespace

Result<UnigramModel> UnigramModel::build(UnigramSpec spec) {
    if (auto checked = spec.vocabulary.check_for_trie(); !checked) {
        return checked.error();
    }
    const std::size_t count = spec.vocabulary.id_end();
    if (auto checked = check_scores(spec.scores, count, spec.unknown_id); !checked) {
        return checked.error();
    }
    UnigramModel model;
    model.vocabulary_ = std::move(spec.vocabulary);
    model.scores_ = std::move(spec.scores);
    model.unknown_id_ = spec.unknown_id.value_or(-1);
    model.byte_fallback_ = spec.byte_fallback;
    model.sums_floats_ = spec.sums_floats;
    model.byte_ids_ = byte_token_ids(model.vocabulary_);
    double least = std::numeric_limits<double>::infinity();
    std::vector<TokenTrie::Entry> entries;
    for (std::size_t i = 0; i < count; ++i) {
        if (i >= spec.left_out.size() || !spec.left_out[i]) {
            const auto id = static_cast<std::int32_t>(i);
            entries.push_back({.text = model.vocabulary_.token_of(id), .value = id});
            least = std::min(least, model.scores_[i]);
        }
    }
    model.unknown_score_ = (entries.empty() ? 0 : least) - kUnknownPenalty;
    model.trie_ = TokenTrie(std::move(entries));
    return model;
}

// Viterbi's algorithm, from the left, place by place where a character begins.
void UnigramModel::find_best(std::string_view text, std::vector<UnigramScratch::Best>& best) const {
    best.assign(text.size() + 1, {.score = 0, .id = -1, .begin = UnigramScratch::kNowhere});
    best[0].begin = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t character = front_character(text.substr(at)).length;
        const double score_before = best[at].score;
        const auto offer = [&](std::size_t end, double token_score, std::int32_t id) {
            UnigramScratch::Best& there = best[end];
            const double score = token_score + score_before;
            if (there.begin == UnigramScratch::kNowhere || score > there.score) {
                const double kept = sums_floats_ ? static_cast<double>(static_cast<float>(score)) : score;
                there = {.score = kept, .id = id, .begin = static_cast<std::uint32_t>(at)};
            }
        };
        bool has_character = false;
        trie_.for_each_prefix(text.substr(at), [&](std::size_t bytes, std::int32_t id) {
            offer(at + bytes, scores_[static_cast<std::size_t>(id)], id);
            has_character = has_character || bytes == character;
        });
        if (!has_character) {
            offer(at + character, unknown_score_, -1);
        }
        at += character;
    }
}

void UnigramModel::append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const {
    if (const std::int32_t id = vocabulary_.id_of(text); id >= 0) {
        ids.push_back(id);  // The unknown token itself, spelled out.
        return;
    }
    if (byte_fallback_ && append_byte_tokens(byte_ids_, text, ids)) {
        return;
    }
    if (unknown_id_ >= 0) {
        ids.push_back(unknown_id_);
    }
}

void UnigramModel::encode(std::string_view text, UnigramScratch& scratch, std::vector<std::int32_t>& ids)
    const {
    text = text.substr(0, kStretchBytesMax);  // Places are 32 bits; no request is as long.
    find_best(text, scratch.best);
    scratch.ends.clear();
    for (std::size_t end = text.size(); end > 0; end = scratch.best[end].begin) {
        scratch.ends.push_back(static_cast<std::uint32_t>(end));
    }
    std::size_t unknown_begin = 0;
    std::size_t unknown_end = 0;
    for (auto end = scratch.ends.rbegin(); end != scratch.ends.rend(); ++end) {
        const UnigramScratch::Best& token = scratch.best[*end];
        if (token.id < 0 || token.id == unknown_id_) {
            unknown_begin = unknown_begin == unknown_end ? token.begin : unknown_begin;
            unknown_end = *end;
            continue;
        }
        if (unknown_begin < unknown_end) {
            append_unknown(text.substr(unknown_begin, unknown_end - unknown_begin), ids);
        }
        unknown_begin = unknown_end = *end;
        ids.push_back(token.id);
    }
    if (unknown_begin < unknown_end) {
        append_unknown(text.substr(unknown_begin, unknown_end - unknown_begin), ids);
    }
}

}  // namespace capstan::text
