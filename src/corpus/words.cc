#include "corpus/words.h"

#include <algorithm>
#include <array>

#include <utf8proc.h>

#include "base/hash.h"
#include "base/utf8.h"

namespace capstan::corpus {
namespace {

// datatrove's PUNCTUATION beyond ASCII, sorted.
constexpr std::array<std::uint32_t, 34> kWidePunctuation = {
    0x00AB, 0x00B4, 0x00BB, 0x2013, 0x2014, 0x2019, 0x201C, 0x201D, 0x201E, 0x2026, 0x2236, 0x2501,
    0x25BA, 0x3001, 0x3002, 0x3008, 0x3009, 0x300A, 0x300B, 0x300C, 0x300D, 0x3010, 0x3011, 0xFF01,
    0xFF05, 0xFF08, 0xFF09, 0xFF0C, 0xFF0E, 0xFF11, 0xFF1A, 0xFF1B, 0xFF1F, 0xFF5E,
};

bool is_digit(std::uint32_t c) {
    if (c < 0x80) {
        return c >= '0' && c <= '9';
    }
    return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
}

bool is_decimal_separator(std::uint32_t c) {
    return c == '.' || c == ',' || c == 0x060C || c == 0x066B || c == 0x2396 || c == 0x2397 || c == 0x2398;
}

class Simplifier {
public:
    explicit Simplifier(std::size_t bytes) { out_.reserve(bytes); }

    void add(std::uint32_t c) {
        if (c < 0x80) {
            return add_ascii(static_cast<char>(c));
        }
        c = static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
        if (is_white_space(c) || is_punctuation(c)) {
            return space();
        }
        add_decomposed(c);
    }

    void number() { out_ += '0'; }

    std::string finish() {
        if (out_.ends_with(' ')) {
            out_.pop_back();
        }
        return std::move(out_);
    }

private:
    std::string out_;

    void space() {
        if (!out_.empty() && out_.back() != ' ') {
            out_ += ' ';
        }
    }

    void add_ascii(char c) {
        if (c >= 'A' && c <= 'Z') {
            out_ += static_cast<char>(c - 'A' + 'a');
        } else if (c >= 'a' && c <= 'z') {
            out_ += c;
        } else {
            space();
        }
    }

    void add_decomposed(std::uint32_t c) {
        std::array<utf8proc_int32_t, 32> parts{};
        int boundary = 0;
        const auto count = utf8proc_decompose_char(
            static_cast<utf8proc_int32_t>(c),
            parts.data(),
            static_cast<utf8proc_ssize_t>(parts.size()),
            UTF8PROC_DECOMPOSE,
            &boundary
        );
        for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, 32); ++i) {
            const auto part = parts[static_cast<std::size_t>(i)];
            if (utf8proc_category(part) != UTF8PROC_CATEGORY_MN) {
                append_utf8(out_, static_cast<std::uint32_t>(part));
            }
        }
    }
};

// Bytes of the number at the front of `text`: digits, and once a separator with digits behind it.
std::size_t number_length(std::string_view text) {
    std::size_t length = 0;
    const auto digits = [&] {
        const std::size_t begin = length;
        while (length < text.size()) {
            const Decoded next = decode_utf8(text.substr(length));
            if (!is_digit(next.code_point)) {
                break;
            }
            length += next.length;
        }
        return length > begin;
    };
    if (!digits() || length == text.size()) {
        return length;
    }
    const std::size_t whole = length;
    const Decoded separator = decode_utf8(text.substr(length));
    length += separator.length;
    return is_decimal_separator(separator.code_point) && digits() ? length : whole;
}

}  // namespace

Decoded decode_utf8(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) {
        return {first, 1};
    }
    const std::size_t length = utf8_length(text.substr(0, 4));
    if (length == 0) {
        return {0xFFFD, 1};
    }
    std::uint32_t value = first & (0xFFU >> (length + 1));
    for (const char byte : text.substr(1, length - 1)) {
        value = (value << 6) | (static_cast<unsigned char>(byte) & 0x3FU);
    }
    return {value, length};
}

bool is_punctuation(std::uint32_t c) {
    if (c < 0xA0) {
        const bool is_letter_or_digit =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return !is_letter_or_digit && c != '\t' && c != '\n' && c != ' ';
    }
    return std::ranges::binary_search(kWidePunctuation, c);
}

bool is_white_space(std::uint32_t c) {
    return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

std::string simplify(std::string_view text) {
    Simplifier simplifier(text.size());
    while (!text.empty()) {
        const Decoded next = decode_utf8(text);
        std::size_t length = next.length;
        if (is_digit(next.code_point)) {
            length = number_length(text);
            simplifier.number();
        } else {
            simplifier.add(next.code_point);
        }
        text.remove_prefix(length);
    }
    return simplifier.finish();
}

std::vector<std::string_view> split_words(std::string_view simplified) {
    std::vector<std::string_view> words;
    while (!simplified.empty()) {
        const std::string_view word = simplified.substr(0, simplified.find(' '));
        words.push_back(word);
        simplified.remove_prefix(std::min(word.size() + 1, simplified.size()));
    }
    return words;
}

std::vector<std::uint64_t> shingle_hashes(const std::vector<std::string_view>& words, std::size_t count) {
    std::vector<std::uint64_t> hashes;
    if (words.size() < count || count == 0) {
        return hashes;
    }
    hashes.reserve(words.size() - count + 1);
    for (std::size_t i = 0; i + count <= words.size(); ++i) {
        // Words lie in one text with one space between them: the shingle is already joined there.
        const char* begin = words[i].data();
        const std::string_view last = words[i + count - 1];
        hashes.push_back(xxh64({begin, static_cast<std::size_t>(last.data() + last.size() - begin)}));
    }
    return hashes;
}

std::vector<std::string_view> split_at_white_space(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t begin = 0;
    std::size_t i = 0;
    while (i < text.size()) {
        const Decoded next = decode_utf8(text.substr(i));
        if (is_white_space(next.code_point)) {
            if (i > begin) {
                words.push_back(text.substr(begin, i - begin));
            }
            begin = i + next.length;
        }
        i += next.length;
    }
    if (begin < text.size()) {
        words.push_back(text.substr(begin));
    }
    return words;
}

}  // namespace capstan::corpus
