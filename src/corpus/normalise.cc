#include "corpus/normalise.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "base/check.h"
#include "base/utf8.h"

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

// `text` is valid UTF-8.
std::string to_nfc(const std::string& text) {
    utf8proc_uint8_t* composed = nullptr;
    const auto length = utf8proc_map(
        reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
        static_cast<utf8proc_ssize_t>(text.size()),
        &composed,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE)
    );
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(composed, &std::free);
    CHECK(length >= 0, "text that was found valid is not");
    return {reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length)};
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

std::uint32_t decode(std::string_view character) {
    if (character.size() == 1) {
        return static_cast<unsigned char>(character[0]);
    }
    std::uint32_t value = static_cast<unsigned char>(character[0]) & (0xFFU >> (character.size() + 1));
    for (const char byte : character.substr(1)) {
        value = (value << 6) | (static_cast<unsigned char>(byte) & 0x3FU);
    }
    return value;
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
                return visible(character);
            case Kind::kHyphen:
                return visible("-");
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

    void visible(std::string_view character) {
        if (line_ends_ > 0 && !out_.empty()) {
            out_.append(std::min(line_ends_, settings_.blank_lines_max + 1), '\n');
        }
        line_ends_ = 0;
        out_ += held_;
        held_.clear();
        out_ += character;
        column_ += 1;
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

std::optional<std::string> normalise(std::string_view text, const NormaliseSettings& settings) {
    std::string repaired;
    if (!is_ascii(text)) {
        const std::uint64_t invalid = invalid_bytes(text);
        const bool is_dropped =
            invalid > 0 &&
            (settings.invalid_utf8 == NormaliseSettings::InvalidUtf8::kDrop ||
             static_cast<double>(invalid) > settings.invalid_fraction_max * static_cast<double>(text.size()));
        if (is_dropped) {
            return std::nullopt;
        }
        repaired = invalid > 0 ? to_utf8(text) : std::string();
        text = invalid > 0 ? std::string_view(repaired) : text;
    }
    Layout layout(settings, text.size());
    std::size_t i = 0;
    while (i < text.size()) {
        const bool is_line_end_pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        const std::size_t length = std::max<std::size_t>(utf8_length(text.substr(i, 4)), 1);
        const std::string_view character = text.substr(i, length);
        i += is_line_end_pair ? 2 : length;
        layout.add(kind_of(decode(character)), character);
    }
    // Last, because what stood between a letter and its accent may just have gone.
    std::string laid_out = layout.finish();
    return is_ascii(laid_out) ? laid_out : to_nfc(laid_out);
}

}  // namespace capstan::corpus
