#include "text/unicode.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <utf8proc.h>

#include "base/check.h"
#include "base/utf8.h"

namespace capstan::text {
namespace {

std::uint32_t byte_at(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

// utf8proc takes a signed code point and answers "unassigned" for one out of range.
utf8proc_category_t category_of(std::uint32_t code_point) {
    return code_point > 0x10FFFF ? UTF8PROC_CATEGORY_CN
                                 : utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

bool is_space_beyond_ascii(std::uint32_t c) {
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_ascii(std::string_view text) {
    for (const char c : text) {
        if (static_cast<signed char>(c) < 0) {
            return false;
        }
    }
    return true;
}

// Bytes at the front of `text` that are whole characters.
std::size_t well_formed_prefix(std::string_view text) {
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        std::uint64_t eight = 0;
        while (text.size() - bytes >= sizeof eight) {
            std::memcpy(&eight, text.data() + bytes, sizeof eight);
            if ((eight & 0x8080808080808080U) != 0) {
                break;
            }
            bytes += sizeof eight;
        }
        const std::size_t length = utf8_length(text.substr(bytes));
        if (length == 0) {
            break;
        }
        bytes += length;
    }
    return bytes;
}

utf8proc_option_t options_of(NormalForm form) {
    switch (form) {
        case NormalForm::kNfc:
            return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        case NormalForm::kNfd:
            return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
        case NormalForm::kNfkc:
            return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
        case NormalForm::kNfkd:
            return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    }
    return UTF8PROC_STABLE;
}

struct Free {
    void operator()(utf8proc_uint8_t* memory) const { std::free(memory); }
};

void append_normalized(std::string& out, std::string_view well_formed, NormalForm form) {
    utf8proc_uint8_t* mapped = nullptr;
    const auto length = utf8proc_map(
        reinterpret_cast<const utf8proc_uint8_t*>(well_formed.data()),
        static_cast<utf8proc_ssize_t>(well_formed.size()),
        &mapped,
        options_of(form)
    );
    CHECK(length >= 0, "utf8proc refuses only memory and broken text, and this is well-formed");
    const std::unique_ptr<utf8proc_uint8_t, Free> owner(mapped);
    out.append(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length));
}

// Calls `change(out, code point, bytes)` for each character; broken bytes are copied.
template <typename Change>
std::string map_characters(std::string_view text, Change change) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Character c = front_character(text);
        if (c.code_point == kBroken) {
            out += text[0];
        } else {
            change(out, c.code_point, text.substr(0, c.length));
        }
        text.remove_prefix(c.length);
    }
    return out;
}

}  // namespace

Character front_character_beyond_ascii(std::string_view text) {
    if (text.empty()) {
        return {};
    }
    const std::uint32_t lead = byte_at(text, 0);
    switch (utf8_length(text)) {
        case 2:
            return {(lead & 0x1F) << 6 | (byte_at(text, 1) & 0x3F), 2};
        case 3:
            return {(lead & 0x0F) << 12 | (byte_at(text, 1) & 0x3F) << 6 | (byte_at(text, 2) & 0x3F), 3};
        case 4:
            return {
                (lead & 0x07) << 18 | (byte_at(text, 1) & 0x3F) << 12 | (byte_at(text, 2) & 0x3F) << 6 |
                    (byte_at(text, 3) & 0x3F),
                4
            };
        default:
            return {kBroken, 1};
    }
}

CharacterKind kind_beyond_ascii(std::uint32_t code_point) {
    switch (category_of(code_point)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
            return CharacterKind::kLetter;
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO:
            return CharacterKind::kNumber;
        default:
            return is_space_beyond_ascii(code_point) ? CharacterKind::kSpace : CharacterKind::kOther;
    }
}

bool is_mark(std::uint32_t code_point) {
    const auto category = category_of(code_point);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
           category == UTF8PROC_CATEGORY_ME;
}

bool is_nonspacing_mark(std::uint32_t code_point) {
    return category_of(code_point) == UTF8PROC_CATEGORY_MN;
}

bool is_decimal_digit(std::uint32_t code_point) {
    return code_point < kAsciiEnd ? code_point >= '0' && code_point <= '9'
                                  : category_of(code_point) == UTF8PROC_CATEGORY_ND;
}

bool is_punctuation(std::uint32_t code_point) {
    if (code_point < kAsciiEnd) {
        return code_point > ' ' && code_point != 0x7F && kAsciiKinds[code_point] == CharacterKind::kOther;
    }
    const auto category = category_of(code_point);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_control_or_format(std::uint32_t code_point) {
    const auto category = category_of(code_point);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CO;
}

std::size_t first_cluster_bytes(std::string_view text) {
    Character before = front_character(text);
    std::size_t bytes = before.length;
    utf8proc_int32_t state = 0;
    while (before.code_point != kBroken && bytes < text.size()) {
        const Character next = front_character(text.substr(bytes));
        if (next.code_point == kBroken || utf8proc_grapheme_break_stateful(
                                              static_cast<utf8proc_int32_t>(before.code_point),
                                              static_cast<utf8proc_int32_t>(next.code_point),
                                              &state
                                          )) {
            break;
        }
        bytes += next.length;
        before = next;
    }
    return bytes;
}

bool is_word(std::uint32_t code_point) {
    if (kind_of(code_point) == CharacterKind::kLetter || is_mark(code_point)) {
        return true;
    }
    const std::uint32_t c = code_point;
    const bool is_joiner = c == 0x200C || c == 0x200D;
    const bool is_enclosed_letter = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                                    (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
    const auto category = category_of(code_point);
    return is_joiner || is_enclosed_letter || category == UTF8PROC_CATEGORY_ND ||
           category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_PC;
}

std::string normalize(std::string_view text, NormalForm form) {
    if (is_ascii(text)) {
        return std::string(text);
    }
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t well_formed = well_formed_prefix(text);
        append_normalized(out, text.substr(0, well_formed), form);
        text.remove_prefix(well_formed);
        if (!text.empty()) {
            out += text[0];
            text.remove_prefix(1);
        }
    }
    return out;
}

std::string lower_case(std::string_view text) {
    return map_characters(text, [](std::string& out, std::uint32_t c, std::string_view) {
        constexpr std::uint32_t kCapitalIWithDot = 0x130;  // The one whose full mapping is two characters.
        if (c == kCapitalIWithDot) {
            out += "i\xCC\x87";
        } else {
            append_utf8(out, static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
        }
    });
}

std::string upper_case(std::string_view text) {
    return map_characters(text, [](std::string& out, std::uint32_t c, std::string_view) {
        constexpr std::uint32_t kSharpS = 0xDF;
        if (c == kSharpS) {
            out += "SS";
        } else {
            append_utf8(out, static_cast<std::uint32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
        }
    });
}

std::string strip_marks(std::string_view text) {
    return map_characters(text, [](std::string& out, std::uint32_t c, std::string_view bytes) {
        if (!is_mark(c)) {
            out += bytes;
        }
    });
}

std::string repair_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t length = well_formed_prefix(text);
        if (length > 0) {
            out += text.substr(0, length);
        } else {
            // A maximal subpart is what could still have become a character when the text ended there.
            length = 1;
            while (length < 3 && length < text.size() &&
                   utf8_incomplete_tail(text.substr(0, length + 1)) == length + 1) {
                length += 1;
            }
            out += "\uFFFD";
        }
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace capstan::text
