#include "text/regex.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "base/utf8.h"

namespace capstan::text {
namespace {

constexpr std::size_t kExpressionBytesMax = 16 * 1024;
constexpr std::uint32_t kMatchStepsMax = 10'000'000;

// Inside a class. U+180E is missing on purpose: PCRE2 counts it as space, Unicode does not any more.
constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Oniguruma's spelling into PCRE2's, for the two things that mean something else there: white space, and "+"
// behind "{n,m}", which repeats in Ruby's syntax and makes possessive in Perl's.
class Translation {
public:
    explicit Translation(std::string_view expression) : in_(expression) {}

    std::string translate() {
        while (at_ < in_.size()) {
            if (in_[at_] == '\\' && at_ + 1 < in_.size()) {
                take_escape();
            } else if (in_class_) {
                take_in_class();
            } else if (in_[at_] == '{' && repeats_an_interval()) {
                take_repeated_interval();
            } else {
                take_character();
            }
        }
        return std::move(out_);
    }

private:
    void take_escape() {
        const char escaped = in_[at_ + 1];
        if (!in_class_) {
            atom_ = out_.size();
        }
        if (escaped == 's') {
            out_ += in_class_ ? std::string(kWhiteSpace) : fmt::format("[{}]", kWhiteSpace);
        } else if (escaped == 'S' && !in_class_) {
            out_ += fmt::format("[^{}]", kWhiteSpace);
        } else {
            out_.append(in_.substr(at_, 2));
        }
        at_ += 2;
        const std::size_t close = in_.find('}', at_);
        const bool has_name =
            (escaped == 'p' || escaped == 'P' || escaped == 'x') && in_.substr(at_).starts_with('{');
        if (has_name && close != std::string_view::npos) {
            out_.append(in_.substr(at_, close + 1 - at_));
            at_ = close + 1;
        }
    }

    // Without Oniguruma's nested classes a "[" there can only be the character.
    void take_in_class() {
        in_class_ = in_[at_] != ']';
        out_.append(in_[at_] == '[' ? R"(\[)" : in_.substr(at_, 1));
        at_ += 1;
    }

    bool repeats_an_interval() const {
        const std::size_t close = in_.find_first_not_of("0123456789,", at_ + 1);
        return close != std::string_view::npos && in_.substr(close).starts_with("}+");
    }

    void take_repeated_interval() {
        const std::size_t close = in_.find('}', at_);
        out_.insert(atom_, "(?:");
        out_.append(in_.substr(at_, close + 1 - at_)).append(")+");
        at_ = close + 2;
    }

    void take_character() {
        const char c = in_[at_];
        if (c == '(') {
            groups_.push_back(out_.size());
        } else if (c == ')' && !groups_.empty()) {
            atom_ = groups_.back();
            groups_.pop_back();
        } else if (c == '[') {
            atom_ = out_.size();
            in_class_ = true;
        } else if (std::string_view("*+?{}|").find(c) == std::string_view::npos) {
            atom_ = out_.size();
        }
        out_ += c;
        at_ += 1;
    }

    std::string_view in_;
    std::size_t at_ = 0;
    std::string out_;
    std::size_t atom_ = 0;             // Where, in out_, what a quantifier would repeat begins.
    std::vector<std::size_t> groups_;  // Where, in out_, the open groups begin.
    bool in_class_ = false;
};

struct MatchDataFree {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

struct MatchContextFree {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

std::string message_of(int code) {
    std::array<PCRE2_UCHAR, 256> buffer{};
    pcre2_get_error_message(code, buffer.data(), buffer.size());
    return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

struct Regex::Code {
    explicit Code(pcre2_code* code) : compiled(code) {}

    ~Code() { pcre2_code_free(compiled); }

    Code(const Code&) = delete;
    Code& operator=(const Code&) = delete;

    pcre2_code* compiled;
};

Result<Regex> Regex::compile(std::string_view expression) {
    if (expression.size() > kExpressionBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format(
                "a regular expression has {} bytes; {} at most", expression.size(), kExpressionBytesMax
            )
        };
    }
    const std::string spelled = Translation(expression).translate();
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* compiled = pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(spelled.data()),
        spelled.size(),
        PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
        &code,
        &offset,
        nullptr
    );
    if (compiled == nullptr) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "regular expression '{}': {} (at byte {})",
                expression.substr(0, 200),
                message_of(code),
                offset
            )
        };
    }
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);  // Without it, matching is slower and no different.
    return Regex(std::make_shared<const Code>(compiled));
}

std::vector<RegexMatch> Regex::matches(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, MatchDataFree> data(
        pcre2_match_data_create_from_pattern(code_->compiled, nullptr)
    );
    const std::unique_ptr<pcre2_match_context, MatchContextFree> context(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(context.get(), kMatchStepsMax);
    std::vector<RegexMatch> found;
    std::size_t offset = 0;
    while (offset < text.size()) {
        const int count = pcre2_match(
            code_->compiled,
            reinterpret_cast<PCRE2_SPTR>(text.data()),
            text.size(),
            offset,
            PCRE2_NO_UTF_CHECK,
            data.get(),
            context.get()
        );
        if (count < 0) {
            break;
        }
        const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
        const RegexMatch match{.begin = bounds[0], .end = bounds[1]};
        if (match.begin < offset || match.end <= match.begin) {  // \K and look-around can do that.
            const std::size_t stuck_at = std::max(offset, match.end);
            offset = stuck_at + std::max<std::size_t>(1, utf8_length(text.substr(stuck_at)));
            continue;
        }
        found.push_back(match);
        offset = match.end;
    }
    return found;
}

}  // namespace capstan::text
