#include "corpus/normalise.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"
#include "text/unicode.h"

namespace capstan::corpus {
namespace {

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::uint64_t invalid_bytes(std::string_view text) {
    std::uint64_t count = 0;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        count += length == 0 ? 1 : 0;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return count;
}

enum class Kind { kText, kSpace, kTab, kLineEnd, kHyphen, kNothing };

Kind kind_of(std::uint32_t c) {
    if (c == '\t') {
        return Kind::kTab;
    }
    if (c == ' ' || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F) {
        return Kind::kSpace;
    }
    if (c == '\n' || c == '\v' || c == '\f' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029) {
        return Kind::kLineEnd;
    }
    if (c == 0x2010 || c == 0x2011 || c == 0x2212) {
        return Kind::kHyphen;
    }
    const bool is_control = c < 0x20 || (c >= 0x7F && c < 0xA0);
    const bool is_format = c == 0xAD || c == 0x200B || c == 0x200E || c == 0x200F ||
                           (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF;
    return is_control || is_format ? Kind::kNothing : Kind::kText;
}

// Visible ASCII characters at the front of `given`: most of most texts.
std::size_t plain_length(std::string_view given) {
    std::size_t length = 0;
    while (length < given.size() && given[length] > ' ' && given[length] < 0x7F) {
        length += 1;
    }
    return length;
}

// Puts lines together; spaces and line ends are held back until something visible follows.
class Layout {
public:
    Layout(const NormaliseSettings& settings, std::size_t bytes) : settings_(settings) {
        out_.reserve(bytes);
    }

    void add(Kind kind, std::string_view character) {
        switch (kind) {
            case Kind::kText:
                return visible(character, 1);
            case Kind::kHyphen:
                return visible("-", 1);
            case Kind::kSpace:
                held_ += ' ';
                column_ += 1;
                return;
            case Kind::kTab:
                return tab();
            case Kind::kLineEnd:
                line_ends_ += 1;
                held_.clear();
                column_ = 0;
                return;
            case Kind::kNothing:
                return;
        }
    }

    // Visible ASCII characters in a row.
    void add_text(std::string_view characters) { visible(characters, characters.size()); }

    std::string finish() {
        if (!out_.empty()) {
            out_ += '\n';
        }
        return std::move(out_);
    }

private:
    const NormaliseSettings& settings_;
    std::string out_;
    std::string held_;
    std::size_t line_ends_ = 0;
    std::size_t column_ = 0;

    void visible(std::string_view characters, std::size_t count) {
        if (line_ends_ > 0 && !out_.empty()) {
            out_.append(std::min(line_ends_, settings_.blank_lines_max + 1), '\n');
        }
        line_ends_ = 0;
        out_ += held_;
        held_.clear();
        out_ += characters;
        column_ += count;
    }

    void tab() {
        if (settings_.tab_columns == 0) {
            held_ += '\t';
            return;
        }
        const std::size_t spaces = settings_.tab_columns - column_ % settings_.tab_columns;
        held_.append(spaces, ' ');
        column_ += spaces;
    }
};

}  // namespace

std::optional<std::string> normalise(std::string_view given, const NormaliseSettings& settings) {
    std::string repaired;
    if (!is_ascii(given)) {
        const std::uint64_t invalid = invalid_bytes(given);
        const bool is_dropped =
            invalid > 0 && (settings.invalid_utf8 == NormaliseSettings::InvalidUtf8::kDrop ||
                            static_cast<double>(invalid) >
                                settings.invalid_fraction_max * static_cast<double>(given.size()));
        if (is_dropped) {
            return std::nullopt;
        }
        repaired = invalid > 0 ? to_utf8(given) : std::string();
        given = invalid > 0 ? std::string_view(repaired) : given;
    }
    Layout layout(settings, given.size());
    std::size_t i = 0;
    while (i < given.size()) {
        if (const std::size_t plain = plain_length(given.substr(i)); plain > 0) {
            layout.add_text(given.substr(i, plain));
            i += plain;
            continue;
        }
        const bool is_line_end_pair = given[i] == '\r' && i + 1 < given.size() && given[i + 1] == '\n';
        const text::Character next = text::front_character(given.substr(i, 4));
        const std::string_view character = given.substr(i, next.length);
        i += is_line_end_pair ? 2 : next.length;
        layout.add(kind_of(next.code_point), character);
    }
    // Last, because what stood between a letter and its accent may just have gone.
    std::string laid_out = layout.finish();
    return text::normalize(laid_out, text::NormalForm::kNfc);
}

}  // namespace capstan::corpus
