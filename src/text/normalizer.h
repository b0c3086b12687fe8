#pragma once

// The "normalizer" of tokenizer.json: what happens to text before it is cut into words.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/bert_characters.h"
#include "text/charsmap.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace capstan::text {

// Replaces each occurrence of a string, or each match of an expression, by `content`. Also a decoder's step.
struct Replacement {
    std::string literal;  // Used when there is no expression.
    std::shared_ptr<const Regex> expression;
    std::string content;

    // {"pattern": {"String": …} or {"Regex": …}, "content": …}
    static Result<Replacement> read(const Json& json);

    // Leaves the rest of `text` as it is when otherwise there were more than `bytes_max`.
    std::string apply(std::string_view text, std::size_t bytes_max) const;
};

class Normalizer {
public:
    // Null, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace, BertNormalizer,
    // Precompiled and Sequence of these; kInvalid for the rest.
    static Result<Normalizer> read(const Json& json);

    // As SentencePiece normalizes.
    struct SentencePiece {
        std::optional<Charsmap> charsmap;
        bool joins_spaces = false;  // Drops those at both ends, and makes one of several.
        bool prepends_space = false;
        bool marks_spaces = true;  // As U+2581.
    };

    static Normalizer sentence_piece(SentencePiece wanted);

    static Normalizer bert(const BertNormalizing& wanted);

    bool is_empty() const { return steps_.empty(); }

    // Whether broken UTF-8 passes through; otherwise text must be well-formed.
    bool takes_any_bytes() const;

    std::string apply(std::string_view text) const;

private:
    struct LowerCase {};

    struct StripMarks {};

    struct StripSpace {
        bool left;
        bool right;
    };

    struct Prepend {
        std::string prefix;
    };

    struct JoinSpaces {};

    using Step = std::variant<
        NormalForm,
        LowerCase,
        StripMarks,
        StripSpace,
        Prepend,
        Replacement,
        BertNormalizing,
        Charsmap,
        JoinSpaces>;

    static std::string apply_step(NormalForm form, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(LowerCase step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(StripMarks step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(StripSpace step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(const Prepend& step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(const Replacement& step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(const BertNormalizing& step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(const Charsmap& step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(JoinSpaces step, std::string_view text, std::size_t bytes_max);

    Result<void> add(const Json& json, int depth);
    Result<void> add_step(const Json& json, std::string_view type);

    std::vector<Step> steps_;
};

}  // namespace capstan::text
