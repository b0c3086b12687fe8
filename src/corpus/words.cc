#include "corpus/words.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "text/unicode.h"

namespace capstan::corpus {
namespace {

// datatrove's PUNCTUATION beyond ASCII, sorted.
constexpr std::array<std::uint32_t, 34> kWidePunctuation = {
    0x00AB, 0x00B4, 0x00BB, 0x2013, 0x2014, 0x2019, 0x201C, 0x201D, 0x201E, 0x2026, 0x2236, 0x2501,
    0x25BA, 0x3001, 0x3002, 0x3008, 0x3009, 0x300A, 0x300B, 0x300C, 0x300D, 0x3010, 0x3011, 0xFF01,
    0xFF05, 0xFF08, 0xFF09, 0xFF0C, 0xFF0E, 0xFF11, 0xFF1A, 0xFF1B, 0xFF1F, 0xFF5E,
};

bool is_decimal_separator(std::uint32_t c) {
    return c == '.' || c == ',' || c == 0x060C || c == 0x066B || c == 0x2396 || c == 0x2397 || c == 0x2398;
}

class Simplifier {
public:
    explicit Simplifier(std::size_t bytes) { out_.reserve(bytes); }

    void add(std::uint32_t c, std::string_view bytes) {
        if (is_white_space(c) || (c != text::kBroken && is_punctuation(c))) {
            flush();
            space();
        } else {
            wide_ += c == text::kBroken ? kReplacement : bytes;
        }
    }

    // Of ASCII.
    void letters(std::string_view some) {
        flush();
        for (const char c : some) {
            out_ += static_cast<char>(c | 0x20);
        }
    }

    void number() {
        flush();
        out_ += '0';
    }

    std::string finish() {
        flush();
        if (out_.ends_with(' ')) {
            out_.pop_back();
        }
        return std::move(out_);
    }

private:
    static constexpr std::string_view kReplacement = "\uFFFD";

    std::string out_;
    std::string wide_;  // Characters beyond ASCII in a row, as they came.

    void space() {
        if (!out_.empty() && out_.back() != ' ') {
            out_ += ' ';
        }
    }

    void flush() {
        if (wide_.empty()) {
            return;
        }
        const std::string apart = text::normalize(text::lower_case(wide_), text::NormalForm::kNfd);
        wide_.clear();
        std::string_view rest = apart;
        while (!rest.empty()) {
            const text::Character next = text::front_character(rest);
            if (!text::is_nonspacing_mark(next.code_point)) {
                out_ += rest.substr(0, next.length);
            }
            rest.remove_prefix(next.length);
        }
    }
};

// ASCII letters at the front of `given`: most of most texts.
std::size_t letters_length(std::string_view given) {
    std::size_t length = 0;
    while (length < given.size() && ((given[length] >= 'a' && given[length] <= 'z') ||
                                     (given[length] >= 'A' && given[length] <= 'Z'))) {
        length += 1;
    }
    return length;
}

// Bytes of the number at the front of `given`: digits, and once a separator with digits behind it.
std::size_t number_length(std::string_view given) {
    std::size_t length = 0;
    const auto digits = [&] {
        const std::size_t begin = length;
        while (length < given.size()) {
            const text::Character next = text::front_character(given.substr(length));
            if (!text::is_decimal_digit(next.code_point)) {
                break;
            }
            length += next.length;
        }
        return length > begin;
    };
    if (!digits() || length == given.size()) {
        return length;
    }
    const std::size_t whole = length;
    const text::Character separator = text::front_character(given.substr(length));
    length += separator.length;
    return is_decimal_separator(separator.code_point) && digits() ? length : whole;
}

}  // namespace

bool is_punctuation(std::uint32_t c) {
    if (c < 0xA0) {
        const bool is_letter_or_digit =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return !is_letter_or_digit && c != '\t' && c != '\n' && c != ' ';
    }
    return std::ranges::binary_search(kWidePunctuation, c);
}

bool is_white_space(std::uint32_t c) {
    return (c >= 0x1C && c <= 0x1F) || text::kind_of(c) == text::CharacterKind::kSpace;
}

std::string simplify(std::string_view given) {
    Simplifier simplifier(given.size());
    while (!given.empty()) {
        if (const std::size_t letters = letters_length(given); letters > 0) {
            simplifier.letters(given.substr(0, letters));
            given.remove_prefix(letters);
            continue;
        }
        const text::Character next = text::front_character(given);
        std::size_t length = next.length;
        if (text::is_decimal_digit(next.code_point)) {
            length = number_length(given);
            simplifier.number();
        } else {
            simplifier.add(next.code_point, given.substr(0, length));
        }
        given.remove_prefix(length);
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

std::vector<std::string_view> split_at_white_space(std::string_view given) {
    std::vector<std::string_view> words;
    std::size_t begin = 0;
    std::size_t i = 0;
    while (i < given.size()) {
        const text::Character next = text::front_character(given.substr(i));
        if (is_white_space(next.code_point)) {
            if (i > begin) {
                words.push_back(given.substr(begin, i - begin));
            }
            begin = i + next.length;
        }
        i += next.length;
    }
    if (begin < given.size()) {
        words.push_back(given.substr(begin));
    }
    return words;
}

}  // namespace capstan::corpus
