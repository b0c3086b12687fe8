#pragma once

// The "normalizer" of tokenizer.json: what happens to text before it is cut into words.

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
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
    // Null, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace and Sequence of these;
    // kInvalid for the rest.
    static Result<Normalizer> read(const Json& json);

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

    using Step = std::variant<NormalForm, LowerCase, StripMarks, StripSpace, Prepend, Replacement>;

    static std::string apply_step(NormalForm form, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(LowerCase step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(StripMarks step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(StripSpace step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(const Prepend& step, std::string_view text, std::size_t bytes_max);
    static std::string apply_step(const Replacement& step, std::string_view text, std::size_t bytes_max);

    Result<void> add(const Json& json, int depth);

    std::vector<Step> steps_;
};

}  // namespace capstan::text
