#include "text/bert_characters.h"

#include <algorithm>
#include <span>

#include "base/utf8.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

// Found by asking Hugging Face's tokenizers 0.23.3 about every character.
constexpr Range kOtherPunctuation[] = {
    {0x61D, 0x61D},     {0x9FD, 0x9FD},     {0xA76, 0xA76},     {0xC77, 0xC77},     {0xC84, 0xC84},
    {0x166D, 0x166D},   {0x1B7D, 0x1B7E},   {0x2E43, 0x2E4F},   {0x2E52, 0x2E5D},   {0x10EAD, 0x10EAD},
    {0x10F55, 0x10F59}, {0x10F86, 0x10F89}, {0x111C9, 0x111C9}, {0x1144B, 0x1144F}, {0x1145A, 0x1145B},
    {0x1145D, 0x1145D}, {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1183B, 0x1183B}, {0x11944, 0x11946},
    {0x119E2, 0x119E2}, {0x11A3F, 0x11A46}, {0x11A9A, 0x11A9C}, {0x11A9E, 0x11AA2}, {0x11B00, 0x11B09},
    {0x11C41, 0x11C45}, {0x11C70, 0x11C71}, {0x11EF7, 0x11EF8}, {0x11F43, 0x11F4F}, {0x11FFF, 0x11FFF},
    {0x12FF1, 0x12FF2}, {0x16E97, 0x16E9A}, {0x16FE2, 0x16FE2}, {0x1E95E, 0x1E95F}
};

constexpr Range kOtherAccents[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8E1},     {0x9FE, 0x9FE},     {0xAFA, 0xAFF},
    {0xB55, 0xB55},     {0xC04, 0xC04},     {0xC3C, 0xC3C},     {0xD00, 0xD00},     {0xD3B, 0xD3C},
    {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0xECE, 0xECE},     {0x1734, 0x1734},   {0x180F, 0x180F},
    {0x1885, 0x1886},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFB},   {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},
    {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF},
    {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x11073, 0x11074}, {0x110C2, 0x110C2},
    {0x111C9, 0x111C9}, {0x111CF, 0x111CF}, {0x1123E, 0x1123E}, {0x11241, 0x11241}, {0x1133B, 0x1133B},
    {0x11438, 0x1143F}, {0x11442, 0x11444}, {0x11446, 0x11446}, {0x1145E, 0x1145E}, {0x1182F, 0x11837},
    {0x11839, 0x1183A}, {0x1193B, 0x1193C}, {0x1193E, 0x1193E}, {0x11943, 0x11943}, {0x119D4, 0x119D7},
    {0x119DA, 0x119DB}, {0x119E0, 0x119E0}, {0x11A01, 0x11A0A}, {0x11A33, 0x11A38}, {0x11A3B, 0x11A3E},
    {0x11A47, 0x11A47}, {0x11A51, 0x11A56}, {0x11A59, 0x11A5B}, {0x11A8A, 0x11A96}, {0x11A98, 0x11A99},
    {0x11C30, 0x11C36}, {0x11C38, 0x11C3D}, {0x11C3F, 0x11C3F}, {0x11C92, 0x11CA7}, {0x11CAA, 0x11CB0},
    {0x11CB2, 0x11CB3}, {0x11CB5, 0x11CB6}, {0x11D31, 0x11D36}, {0x11D3A, 0x11D3A}, {0x11D3C, 0x11D3D},
    {0x11D3F, 0x11D45}, {0x11D47, 0x11D47}, {0x11D90, 0x11D91}, {0x11D95, 0x11D95}, {0x11D97, 0x11D97},
    {0x11EF3, 0x11EF4}, {0x11F00, 0x11F01}, {0x11F36, 0x11F3A}, {0x11F40, 0x11F40}, {0x11F42, 0x11F42},
    {0x13440, 0x13440}, {0x13447, 0x13455}, {0x16F4F, 0x16F4F}, {0x16FE4, 0x16FE4}, {0x1CF00, 0x1CF2D},
    {0x1CF30, 0x1CF46}, {0x1E000, 0x1E006}, {0x1E008, 0x1E018}, {0x1E01B, 0x1E021}, {0x1E023, 0x1E024},
    {0x1E026, 0x1E02A}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
    {0x1E4EC, 0x1E4EF}, {0x1E944, 0x1E94A}
};

constexpr Range kOtherControls[] = {{0x890, 0x891}, {0x8E2, 0x8E2}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}};

bool is_in(std::span<const Range> ranges, std::uint32_t code_point) {
    const auto after = std::ranges::upper_bound(ranges, code_point, {}, &Range::first);
    return after != ranges.begin() && code_point <= (after - 1)->last;
}

bool is_han(std::uint32_t c) {
    constexpr Range kHan[] = {
        {0x3400, 0x4DBF},
        {0x4E00, 0x9FFF},
        {0xF900, 0xFAFF},
        {0x20000, 0x2A6DF},
        {0x2A700, 0x2B73F},
        {0x2B740, 0x2B81F},
        {0x2B920, 0x2CEAF},
        {0x2F800, 0x2FA1F}
    };
    return is_in(kHan, c);
}

template <typename OnCharacter>
void for_each_character(std::string_view text, const OnCharacter& on_character) {
    while (!text.empty()) {
        const Character c = front_character(text);
        on_character(c.code_point, text.substr(0, c.length));
        text.remove_prefix(c.length);
    }
}

std::string cleaned(std::string_view text, const BertNormalizing& wanted) {
    std::string out;
    out.reserve(text.size());
    for_each_character(text, [&](std::uint32_t c, std::string_view bytes) {
        if (c > ' ' && c < 0x7F) {
            out += static_cast<char>(c);
            return;
        }
        if (wanted.cleans_text && (c == 0 || c == 0xFFFD || is_bert_control(c))) {
            return;
        }
        if (wanted.cleans_text && kind_of(c) == CharacterKind::kSpace) {
            out += ' ';
        } else if (wanted.spaces_around_han && is_han(c)) {
            out.append(" ").append(bytes).append(" ");
        } else {
            out += bytes;
        }
    });
    return out;
}

std::string without_accents(std::string_view text) {
    const std::string decomposed = normalize(text, NormalForm::kNfd);
    std::string out;
    out.reserve(decomposed.size());
    for_each_character(decomposed, [&](std::uint32_t c, std::string_view bytes) {
        if (!is_bert_accent(c)) {
            out += bytes;
        }
    });
    return out;
}

}  // namespace

bool is_bert_punctuation(std::uint32_t code_point) {
    if (code_point < kAsciiEnd) {
        return is_punctuation(code_point);
    }
    return is_punctuation(code_point) != is_in(kOtherPunctuation, code_point);
}

bool is_bert_accent(std::uint32_t code_point) {
    return is_nonspacing_mark(code_point) != is_in(kOtherAccents, code_point);
}

bool is_bert_control(std::uint32_t code_point) {
    if (code_point == '\t' || code_point == '\n' || code_point == '\r') {
        return false;
    }
    return is_control_or_format(code_point) != is_in(kOtherControls, code_point);
}

std::string normalize_as_bert(std::string_view text, const BertNormalizing& wanted) {
    std::string out = cleaned(text, wanted);
    const bool is_ascii = std::ranges::all_of(out, [](char c) { return static_cast<signed char>(c) >= 0; });
    if (wanted.strips_accents && !is_ascii) {
        out = without_accents(out);
    }
    if (wanted.lower_cases && is_ascii) {
        std::ranges::transform(out, out.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
    } else if (wanted.lower_cases) {
        out = lower_case(out);
    }
    return out;
}

}  // namespace capstan::text
