#include "corpus/overstrike.h"

#include <algorithm>

#include "base/utf8.h"

namespace capstan::corpus {
namespace {

constexpr char kBackspace = '\b';
constexpr char kEscape = '\x1b';
constexpr std::size_t kEscapeBytesMax = 256;  // A longer one is taken for text, so that cost stays linear.

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// Bytes of the escape sequence at the front of `text` (which starts with ESC), at least 1.
std::size_t escape_length(std::string_view text) {
    text = text.substr(0, kEscapeBytesMax);
    if (text.size() < 2) {
        return 1;
    }
    if (text[1] == '[') {
        std::size_t end = 2;
        while (end < text.size() && text[end] >= 0x20 && text[end] <= 0x3F) {
            end += 1;
        }
        return end < text.size() && text[end] >= 0x40 && text[end] <= 0x7E ? end + 1 : end;
    }
    if (text[1] == ']') {
        const std::size_t bell = text.find('\a');
        const std::size_t terminator = text.find("\x1b\\", 2);
        if (bell < terminator) {
            return bell + 1;
        }
        return terminator == std::string_view::npos ? 2 : terminator + 2;
    }
    return 2;
}

// The character before a backspace: empty at the start of a line.
std::string_view last_character(const std::string& out) {
    if (out.empty() || out.back() == '\n') {
        return {};
    }
    std::size_t start = out.size() - 1;
    while (start > 0 && out.size() - start < 4 && is_continuation(out[start])) {
        start -= 1;
    }
    const std::string_view last = std::string_view(out).substr(start);
    return utf8_length(last) == last.size() ? last : last.substr(last.size() - 1);
}

}  // namespace

std::string strip_overstrike(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t i = 0;
    while (i < text.size()) {
        const std::size_t special = std::min(text.find_first_of("\b\x1b", i), text.size());
        out.append(text.substr(i, special - i));
        i = special;
        if (i == text.size()) {
            break;
        }
        if (text[i] == kEscape) {
            i += escape_length(text.substr(i));
            continue;
        }
        i = std::min(text.find_first_not_of(kBackspace, i), text.size());  // Wide characters take two.
        const std::string_view before = last_character(out);
        if (before.empty() || i == text.size() || text[i] == '\n' || text[i] == kEscape) {
            continue;
        }
        if (text[i] == '_' && before != "_") {
            i += 1;  // The character under it stays.
            continue;
        }
        out.resize(out.size() - before.size());
    }
    return out;
}

}  // namespace capstan::corpus
