#include "base/base64.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

// RFC 4648, section 10.
TEST(Base64, HoldsTheStandardsVectors) {
    const std::vector<std::pair<std::string, std::string>> vectors = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(encode_base64(bytes), text);
        EXPECT_EQ(decode_base64(text).value(), bytes);
    }
}

TEST(Base64, TakesTextWithoutPadding) {
    EXPECT_EQ(decode_base64("Zm8").value(), "fo");
}

TEST(Base64, ReadsBackEveryByte) {
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
    }
    EXPECT_EQ(decode_base64(encode_base64(all)).value(), all);
}

TEST(Base64, RefusesWhatIsNotBase64) {
    for (const char* text : {"Z", "Zm9v!", "Zm 9v", "Zg=", "Z===", "Zh==", "=Zg=", "Zg==Zg=="}) {
        EXPECT_FALSE(decode_base64(text)) << text;
    }
}

}  // namespace
}  // namespace capstan
