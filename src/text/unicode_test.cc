#include "text/unicode.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "text/byte_alphabet.h"

namespace capstan::text {
namespace {

TEST(FrontCharacter, ReadsEachLengthAndBrokenBytes) {
    EXPECT_EQ(front_character("").length, 0U);
    EXPECT_EQ(front_character("a").code_point, U'a');
    EXPECT_EQ(front_character("é").code_point, 0xE9U);
    EXPECT_EQ(front_character("語x").code_point, 0x8A9EU);
    EXPECT_EQ(front_character("😀").code_point, 0x1F600U);
    EXPECT_EQ(front_character("😀").length, 4U);
    EXPECT_EQ(front_character("\xC3").code_point, kBroken);
    EXPECT_EQ(front_character("\xED\xA0\x80").length, 1U);  // A surrogate.
}

TEST(KindOf, FollowsTheGeneralCategory) {
    EXPECT_EQ(kind_of('Z'), CharacterKind::kLetter);
    EXPECT_EQ(kind_of(0x4E00), CharacterKind::kLetter);
    EXPECT_EQ(kind_of(0x2B0), CharacterKind::kLetter);  // Lm
    EXPECT_EQ(kind_of('7'), CharacterKind::kNumber);
    EXPECT_EQ(kind_of(0xBD), CharacterKind::kNumber);    // ½, No
    EXPECT_EQ(kind_of(0x2167), CharacterKind::kNumber);  // Ⅷ, Nl
    EXPECT_EQ(kind_of(0x301), CharacterKind::kOther);    // A mark.
    EXPECT_EQ(kind_of(kBroken), CharacterKind::kOther);
}

TEST(KindOf, SpaceIsWhiteSpaceAndNothingElse) {
    for (const std::uint32_t c :
         {0x9U, 0xDU, 0x20U, 0x85U, 0xA0U, 0x1680U, 0x2003U, 0x2028U, 0x202FU, 0x3000U}) {
        EXPECT_EQ(kind_of(c), CharacterKind::kSpace) << c;
    }
    for (const std::uint32_t c : {0x1CU, 0x180EU, 0x200BU, 0xFEFFU}) {
        EXPECT_NE(kind_of(c), CharacterKind::kSpace) << c;
    }
}

TEST(Normalize, ComposesAndDecomposes) {
    EXPECT_EQ(normalize("e\u0301", NormalForm::kNfc), "\u00E9");
    EXPECT_EQ(normalize("\u00E9", NormalForm::kNfd), "e\u0301");
    EXPECT_EQ(normalize("\uFB01 \u212B", NormalForm::kNfkc), "fi \u00C5");
    EXPECT_EQ(normalize("\u1E9B\u0323", NormalForm::kNfkd), "s\u0323\u0307");
    EXPECT_EQ(normalize("plain", NormalForm::kNfkd), "plain");
}

TEST(Normalize, KeepsBrokenBytes) {
    EXPECT_EQ(
        normalize(
            "\xFF"
            "e\u0301\xC3",
            NormalForm::kNfc
        ),
        "\xFF\u00E9\xC3"
    );
}

TEST(LowerCase, MapsFully) {
    EXPECT_EQ(lower_case("ÀΣ\u0130x"), "àσi\u0307x");
    EXPECT_EQ(upper_case("straße é"), "STRASSE É");
    EXPECT_EQ(strip_marks("e\u0301a"), "ea");
}

TEST(RepairUtf8, ReplacesMaximalSubparts) {
    EXPECT_EQ(repair_utf8("good 語"), "good 語");
    EXPECT_EQ(repair_utf8("a\xE2\x82z"), "a\uFFFDz");              // One character cut short is one mark,
    EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), "\uFFFD");              //
    EXPECT_EQ(repair_utf8("\xFF\xFF"), "\uFFFD\uFFFD");            // bytes that start none are one each,
    EXPECT_EQ(repair_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // and so is a surrogate.
}

TEST(ByteAlphabet, WritesAndReadsEveryByte) {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) {
        bytes += static_cast<char>(byte);
    }
    const std::string written = to_byte_alphabet(bytes);
    EXPECT_TRUE(is_utf8(written));
    EXPECT_EQ(from_byte_alphabet(written), bytes);
    EXPECT_EQ(to_byte_alphabet(" the\n"), "ĠtheĊ");
    EXPECT_EQ(from_byte_alphabet("a b"), std::nullopt);  // A space is not of the alphabet.
}

}  // namespace
}  // namespace capstan::text
