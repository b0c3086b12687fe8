#include "text/probe_texts.h"

#include <array>

namespace capstan::text {

std::span<const std::string_view> probe_texts() {
    static constexpr std::array<std::string_view, 22> kTexts = {
        "The quick brown fox jumps over the lazy dog.",
        "I'm sure they'll say we've won, it's HERS'S, DON'T and 'Re and o'clock",
        "1 12 123 1234 12345678 3.14159 1,000,000 x86_64 2nd 007",
        "two  spaces   three    four, a\ttab\t\ttwo \t mixed",
        "line\nline\n\nparagraph\n\n\n  indented\r\nwindows\r\n\r\n end ",
        "   leading and trailing   ",
        "\n\nstarts with lines\n",
        "a.b,c;d:e!f?g (h) [i] {j} <k> \"l\" 'm' -n- _o_ /p/ \\q\\ |r| ~s~ `t` @u #v $w %x ^y &z *",
        "!!! ... --- === ?!?! :-) <<>> ++ && || /* // */ #include <a> != ->",
        "if (x >= 10) {\n    return a[i] + b->c;\n}\n",
        "camelCase HTTPServer XMLHttpRequest iPhone McDonald AbC aBC ABc",
        "Grüße aus Köln, naïve café, Ångström, œuvre, Łódź, ÇA",
        "e\u0301 a\u0308 n\u0303 \u00e9 \u00e4 \u00f1 \u212b \ufb01",
        "Привет, мир! Как дела? Ёлка",
        "你好，世界。今天是2024年1月1日。日本語のテキスト、カタカナ。한국어 텍스트",
        "مرحبا بالعالم ٣٤٥ שלום עולם",
        "हिन्दी में १२३ ไทย ภาษา",
        "emoji 😀👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ x",
        "½ ² Ⅳ ① ٠ x² H₂O 10⁻³",
        "\u00a0nbsp\u00a0\u2003em\u3000wide\u200bzero",
        "https://example.org/a/b?c=d&e=f#g user@example.org C:\\dir\\file.txt",
        "path/to/file.cc:12:3: error: don't\n/\n//\n ./x ../y",
    };
    return kTexts;
}

}  // namespace capstan::text
