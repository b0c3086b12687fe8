#include "base/hash.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

// FIPS 180-4 examples (NIST, "SHA256.pdf" of the Cryptographic Standards examples) and the million 'a' of
// FIPS 180-2, appendix B.3.
TEST(Sha256Test, GivesTheExamplesOfTheStandard) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(
        sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    );
    EXPECT_EQ(
        sha256_hex(std::string(1'000'000, 'a')),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    );
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, DoesNotDependOnHowTheBytesArrive) {
    const std::string text(1000, 'x');
    for (const std::size_t part : {1U, 7U, 64U, 999U}) {
        Sha256 hash;
        for (std::size_t i = 0; i < text.size(); i += part) {
            hash.update(std::string_view(text).substr(i, part));
        }
        EXPECT_EQ(hash.finish(), sha256(text));
    }
}

TEST(Sha256Test, MovesItsState) {
    Sha256 first;
    first.update("ab");
    Sha256 second = std::move(first);
    second.update("c");
    EXPECT_EQ(to_hex(second.finish()), sha256_hex("abc"));
}

// RFC 4231, test cases 1, 2, 3, 6 and 7.
TEST(HmacSha256, GivesTheVectorsOfRfc4231) {
    EXPECT_EQ(
        to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    );
    EXPECT_EQ(
        to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    EXPECT_EQ(
        to_hex(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    );
    EXPECT_EQ(
        to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")
        ),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
    EXPECT_EQ(
        to_hex(hmac_sha256(
            std::string(131, '\xaa'),
            "This is a test using a larger than block-size key and a larger than block-size data. The key "
            "needs to be hashed before being used by the HMAC algorithm."
        )),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    );
}

TEST(HmacSha256, TakesAnEmptyKeyAndMessage) {
    // The value that Wikipedia's article "HMAC" and Python's hmac module give.
    constexpr std::string_view kExpected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    EXPECT_EQ(to_hex(hmac_sha256("", "")), kExpected);
    EXPECT_EQ(to_hex(hmac_sha256(std::string_view(), std::string_view())), kExpected);
}

// The buffer of xxHash's own sanity check (cli/xsum_sanity_check.c, version 0.8.1), and its values.
std::string sanity_buffer(std::size_t size) {
    constexpr std::uint64_t kPrime64 = 11'400'714'785'074'694'797ULL;
    std::uint64_t generator = 2'654'435'761U;
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) {
        bytes += static_cast<char>(generator >> 56);
        generator *= kPrime64;
    }
    return bytes;
}

TEST(Xxh64, GivesTheValuesOfItsSanityCheck) {
    constexpr std::uint64_t kSeed = 2'654'435'761U;
    EXPECT_EQ(xxh64(""), 0xEF46DB3751D8E999ULL);
    EXPECT_EQ(xxh64("", kSeed), 0xAC75FDA2929B17EFULL);
    EXPECT_EQ(xxh64(sanity_buffer(1)), 0xE934A84ADB052768ULL);
    EXPECT_EQ(xxh64(sanity_buffer(4)), 0x9136A0DCA57457EEULL);
    EXPECT_EQ(xxh64(sanity_buffer(14)), 0x8282DCC4994E35C8ULL);
    EXPECT_EQ(xxh64(sanity_buffer(222)), 0xB641AE8CB691C174ULL);
    EXPECT_EQ(xxh64(sanity_buffer(222), kSeed), 0x20CB8AB7AE10C14AULL);
}

TEST(Xxh3, GivesTheValuesOfItsSanityCheck) {
    EXPECT_EQ(xxh3_64(""), 0x2D06800538D394C2ULL);
    EXPECT_EQ(xxh3_64(sanity_buffer(1)), 0xC44BDFF4074EECDBULL);
    EXPECT_EQ(xxh3_64(sanity_buffer(6)), 0x27B56A84CD2D7325ULL);
    EXPECT_EQ(xxh3_64(sanity_buffer(24)), 0xA3FE70BF9D3510EBULL);
    EXPECT_EQ(xxh3_64(sanity_buffer(195)), 0xCD94217EE362EC3AULL);
    EXPECT_EQ(xxh3_64(sanity_buffer(2048)), 0xDD59E2C3A5F038E0ULL);
}

// RFC 3720, appendix B.4 (which prints the bytes in the order of the wire), and the check value of the CRC
// catalogue's CRC-32/ISCSI.
TEST(Crc32c, GivesTheVectorsOfRfc3720) {
    std::string rising;
    std::string falling;
    for (char i = 0; i < 32; ++i) {
        rising += i;
        falling += static_cast<char>(31 - i);
    }
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
    EXPECT_EQ(crc32c(rising), 0x46DD794EU);
    EXPECT_EQ(crc32c(falling), 0x113FDB5CU);
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, ContinuesAcrossAnyCut) {
    const std::string text = sanity_buffer(100);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text)) << cut;
    }
}

TEST(Hash, PrintsLowerCaseHexadecimal) {
    const std::array<std::uint8_t, 4> bytes = {0x00, 0x0f, 0xa5, 0xff};
    EXPECT_EQ(to_hex(bytes), "000fa5ff");
    EXPECT_EQ(to_hex({}), "");
}

TEST(Hash, ComparesSecretsByContentAndLength) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("key", "key"));
    EXPECT_FALSE(equal_in_constant_time("key", "kez"));
    EXPECT_FALSE(equal_in_constant_time("key", "key1"));
}

TEST(Hash, RandomBytesHaveTheirLengthAndDiffer) {
    EXPECT_EQ(random_bytes(0), "");
    EXPECT_EQ(random_bytes(1000).size(), 1000U);
    EXPECT_NE(random_bytes(16), random_bytes(16));
}

}  // namespace
}  // namespace capstan
