#include "base/utf8.h"

namespace capstan {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

bool is_continuation(unsigned byte) {
    return (byte & 0xC0) == 0x80;
}

struct Lead {
    std::size_t length = 0;      // Of the whole character; 0 for a byte that starts none.
    unsigned second_min = 0x80;  // The second byte's range excludes overlong forms and surrogates.
    unsigned second_max = 0xBF;
};

// Table 3-7 of the Unicode Standard.
Lead lead_of(unsigned byte) {
    if (byte < 0x80) {
        return {.length = 1};
    }
    if (byte >= 0xC2 && byte <= 0xDF) {
        return {.length = 2};
    }
    if (byte >= 0xE0 && byte <= 0xEF) {
        return {
            .length = 3,
            .second_min = byte == 0xE0 ? 0xA0U : 0x80U,
            .second_max = byte == 0xED ? 0x9FU : 0xBFU
        };
    }
    if (byte >= 0xF0 && byte <= 0xF4) {
        return {
            .length = 4,
            .second_min = byte == 0xF0 ? 0x90U : 0x80U,
            .second_max = byte == 0xF4 ? 0x8FU : 0xBFU
        };
    }
    return {};
}

// How many bytes at the front of `text` agree with `lead`, up to its length.
std::size_t agreeing(std::string_view text, const Lead& lead) {
    std::size_t count = 1;
    while (count < lead.length && count < text.size()) {
        const unsigned byte = byte_at(text, count);
        const bool fits =
            count == 1 ? byte >= lead.second_min && byte <= lead.second_max : is_continuation(byte);
        if (!fits) {
            break;
        }
        count += 1;
    }
    return count;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    const Lead lead = lead_of(byte_at(text, 0));
    return lead.length != 0 && agreeing(text, lead) == lead.length ? lead.length : 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

std::string to_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            append_utf8(out, 0xFFFD);
            text.remove_prefix(1);
        } else {
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    return out;
}

std::size_t utf8_incomplete_tail(std::string_view text) {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        const std::string_view tail = text.substr(text.size() - back);
        const Lead lead = lead_of(byte_at(tail, 0));
        if (lead.length > back && agreeing(tail, lead) == back) {
            return back;
        }
        if (lead.length != 0) {
            return 0;
        }
    }
    return 0;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
        code_point = 0xFFFD;
    }
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    const auto continuation = [&](unsigned shift) { put(0x80 | ((code_point >> shift) & 0x3F)); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xC0 | (code_point >> 6));
        continuation(0);
    } else if (code_point < 0x10000) {
        put(0xE0 | (code_point >> 12));
        continuation(6);
        continuation(0);
    } else {
        put(0xF0 | (code_point >> 18));
        continuation(12);
        continuation(6);
        continuation(0);
    }
}

}  // namespace capstan
