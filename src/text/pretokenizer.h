#pragma once

// The "pre_tokenizer" of tokenizer.json: how text is cut into the words that the model sees.

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/bert_characters.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/word_lexer.h"

namespace capstan::text {

class Pretokenizer {
public:
    // Null, ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, Metaspace
    // and Sequence of these, with ByteLevel last; kInvalid for the rest.
    static Result<Pretokenizer> read(const Json& json);

    static Pretokenizer bert();

    // Whether the model gets bytes (and its tokens are in the byte alphabet).
    bool is_byte_level() const { return byte_level_; }

    // Whether words are found by a hand-written lexer alone, which takes any bytes. Otherwise text must be
    // well-formed UTF-8.
    bool takes_any_bytes() const { return byte_level_ && only_pattern_.has_value(); }

    // Calls `on_word` with each word of `text` in order. `is_first`: nothing is before `text`.
    // Thread-safe.
    template <typename OnWord>
    void cut(std::string_view text, bool is_first, const OnWord& on_word) const {
        if (only_pattern_) {
            while (!text.empty()) {
                const std::size_t length = first_word_bytes(*only_pattern_, text);
                on_word(text.substr(0, length));
                text.remove_prefix(length);
            }
            return;
        }
        if (is_bert_) {
            cut_as_bert(text, on_word);
            return;
        }
        Cut cut;
        cut_by_steps(text, is_first, cut);
        for (const std::string_view word : cut.words) {
            on_word(word);
        }
    }

private:
    enum class Kind {
        kPattern,
        kExpression,
        kLiteral,
        kWords,
        kSpace,
        kDigits,
        kPunctuation,
        kBertPunctuation,
        kMetaspace,
        kPrefixSpace
    };
    enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };
    enum class Scheme { kAlways, kFirst, kNever };

    struct Step {
        Kind kind = Kind::kPattern;
        Behavior behavior = Behavior::kIsolated;
        bool invert = false;
        WordPattern pattern = WordPattern::kGpt2;
        std::optional<Regex> expression = {};
        std::string literal = {};  // Of Metaspace: what stands for a space.
        bool split = true;         // Metaspace.
        Scheme scheme = Scheme::kAlways;
    };

    struct Part {
        std::size_t begin;
        std::size_t end;
        bool is_match;
    };

    // The words of a text between two steps.
    struct Cut {
        std::vector<std::string_view> words;
        std::vector<std::string_view> next;  // Those of the step that is at work.
        std::deque<std::string> made;        // What words are views of, other than the text.
        std::vector<Part> parts;
    };

    Result<void> add(const Json& json, int depth);
    void add_bert();
    Result<void> add_split(const Json& json);
    Result<void> add_byte_level(const Json& json);
    Result<void> add_metaspace(const Json& json);
    static void find_parts(const Step& step, std::string_view text, std::vector<Part>& parts);
    static void apply_metaspace(const Step& step, std::string_view word, bool is_first, Cut& cut);
    static void apply_split(const Step& step, std::string_view word, Cut& cut);
    static Result<Behavior> behavior_of(std::string_view name);
    void cut_by_steps(std::string_view text, bool is_first, Cut& cut) const;

    // What the two steps of BertPreTokenizer come to, in one pass.
    template <typename OnWord>
    static void cut_as_bert(std::string_view text, const OnWord& on_word) {
        std::size_t begin = 0;
        for (std::size_t at = 0; at < text.size();) {
            const Character c = front_character(text.substr(at));
            const bool is_space = kind_of(c.code_point) == CharacterKind::kSpace;
            const std::size_t end = at + c.length;
            if (is_space || is_bert_punctuation(c.code_point)) {
                if (begin < at) {
                    on_word(text.substr(begin, at - begin));
                }
                if (!is_space) {
                    on_word(text.substr(at, c.length));
                }
                begin = end;
            }
            at = end;
        }
        if (begin < text.size()) {
            on_word(text.substr(begin));
        }
    }

    std::vector<Step> steps_;
    std::optional<WordPattern> only_pattern_;  // When the steps are no more than that.
    bool byte_level_ = false;
    bool is_bert_ = false;
};

}  // namespace capstan::text
