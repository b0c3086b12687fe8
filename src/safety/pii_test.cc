#include "safety/pii.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"

namespace capstan::safety {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "type:text" of each finding.
std::vector<std::string> found_in(std::string_view text, const PiiSettings& settings = {}) {
    std::vector<std::string> found;
    for (const auto& span : find_pii(text, settings)) {
        found.push_back(
            std::string(name_of(span.type)) + ":" +
            std::string(text.substr(span.begin, span.end - span.begin))
        );
    }
    return found;
}

TEST(FindPii, FindsEmailAddresses) {
    EXPECT_THAT(
        found_in("Write to <jo.o'neil+x@mail.acme.co.uk>."), ElementsAre("email:neil+x@mail.acme.co.uk")
    );
    EXPECT_THAT(found_in("a@b.de, c_d@e-f.org."), ElementsAre("email:a@b.de", "email:c_d@e-f.org"));
    EXPECT_THAT(found_in("mailto:x.y@z.io?subject=hi"), ElementsAre("email:x.y@z.io"));
}

TEST(FindPii, LeavesReservedAndImpossibleEmailAddresses) {
    EXPECT_THAT(found_in("you@example.com you@mail.example.org root@host.invalid a@b.test"), IsEmpty());
    EXPECT_THAT(found_in("getty@tty1.service git@github.com:a/b.git x@y a@.de a@b..de @b.de a@"), IsEmpty());
    EXPECT_THAT(found_in("user@host.toolongatopleveldomainforit"), IsEmpty());
}

TEST(FindPii, FindsPublicIpAddressesOnly) {
    EXPECT_THAT(found_in("from 93.184.216.34, port 80"), ElementsAre("ip_address:93.184.216.34"));
    EXPECT_THAT(
        found_in("[2606:2800:220:1:248:1893:25c8:1946]"),
        ElementsAre("ip_address:2606:2800:220:1:248:1893:25c8:1946")
    );
    EXPECT_THAT(
        found_in("10.0.0.1 192.168.1.1 127.0.0.1 172.16.5.4 100.64.0.1 169.254.1.1 224.0.0.251"), IsEmpty()
    );
    EXPECT_THAT(found_in("192.0.2.1 198.51.100.7 203.0.113.255 255.255.255.255 0.0.0.0"), IsEmpty());
    EXPECT_THAT(found_in("2001:db8::1 fe80::1 ::1 fd00::2 std::vector 12:30:45 2002:c000:204::"), IsEmpty());
}

TEST(FindPii, TellsVersionNumbersFromIpAddresses) {
    EXPECT_THAT(found_in("since version 89.100.2.1"), IsEmpty());
    EXPECT_THAT(found_in("dpkg 1.17.1.1 and RFC 3168, Section 6.1.1.1.1"), IsEmpty());
    EXPECT_THAT(found_in("v93.184.216.34 93.184.216.34-rc1 1.93.184.216.34 93.184.216.345"), IsEmpty());
    EXPECT_THAT(found_in("resolver address 8.8.8.8"), ElementsAre("ip_address:8.8.8.8"));
}

TEST(FindPii, FindsMacAddresses) {
    EXPECT_THAT(found_in("lladdr 3c:97:0e:1b:2c:4d dev"), ElementsAre("mac_address:3c:97:0e:1b:2c:4d"));
    EXPECT_THAT(
        found_in("00:00:5e:00:53:01 ff:ff:ff:ff:ff:ff 00:11:22:33:44:55 3c:97:0e:1b:2c:4d:5e"), IsEmpty()
    );
}

TEST(FindPii, FindsPhoneNumbers) {
    EXPECT_THAT(
        found_in("Call +49 30 901820 or (212) 736-5000."),
        ElementsAre("phone:+49 30 901820", "phone:(212) 736-5000")
    );
    EXPECT_THAT(
        found_in("212-736-5000 and +442071838750"), ElementsAre("phone:212-736-5000", "phone:+442071838750")
    );
    EXPECT_THAT(found_in("phone 212 736 5000"), ElementsAre("phone:212 736 5000"));
}

TEST(FindPii, LeavesNumbersThatAreNoPhones) {
    EXPECT_THAT(found_in("212 736 5000 (202) 555-0173 +33554432 C++14.10.2 2024-01-02"), IsEmpty());
    EXPECT_THAT(found_in("ISBN 978-3-16-148410-0, 7.212-736-5000, 212-736-50001"), IsEmpty());
}

TEST(FindPii, FindsCreditCardsByLuhn) {
    EXPECT_THAT(found_in("4539 1488 0343 6467"), ElementsAre("credit_card:4539 1488 0343 6467"));
    EXPECT_THAT(found_in("card 5425233430109903."), ElementsAre("credit_card:5425233430109903"));
    EXPECT_THAT(
        found_in("4539 1488 0343 6468 4111111111111111 0000000000000000 1234567890123452"), IsEmpty()
    );
}

TEST(FindPii, FindsIbansByCheckDigitsAndLength) {
    EXPECT_THAT(found_in("DE89 3704 0044 0532 0130 00"), ElementsAre("iban:DE89 3704 0044 0532 0130 00"));
    EXPECT_THAT(found_in("IBAN GB82WEST12345698765432"), ElementsAre("iban:GB82WEST12345698765432"));
    EXPECT_THAT(
        found_in("DE89 3704 0044 0532 0130 01 GB82WEST1234569876543 XX89370400440532013000"), IsEmpty()
    );
}

TEST(FindPii, FindsSocialSecurityNumbers) {
    EXPECT_THAT(found_in("SSN 536-90-4399"), ElementsAre("us_ssn:536-90-4399"));
    EXPECT_THAT(
        found_in("078-05-1120 123-45-6789 000-12-3456 666-12-3456 900-12-3456 536-00-4399"), IsEmpty()
    );
    EXPECT_THAT(found_in("536-90 4399 1536-90-4399 536-90-43999"), IsEmpty());
}

TEST(FindPii, FindsKeysByTheirForm) {
    const std::string aws = std::string("AKIA") + "QW3ERTYU5IOP7ASD";
    const std::string github = std::string("ghp") + "_1234567890abcdefghijABCDEFGHIJ123456";
    const std::string stripe = std::string("sk_") + "live_4eC39HqLyjWDarjtT1zdp7dc";
    EXPECT_THAT(found_in("id=" + aws + ";"), ElementsAre("aws_key:" + aws));
    EXPECT_THAT(found_in(github), ElementsAre("github_token:" + github));
    EXPECT_THAT(found_in(stripe), ElementsAre("secret:" + stripe));
    EXPECT_THAT(found_in("AKIAIOSFODNN7EXAMPLE sk-learn ghp_short"), IsEmpty());
}

TEST(FindPii, FindsRandomValuesThatAreCalledSecret) {
    const std::string value = "f3Kd92LmPq07XzVbT5Yw";
    EXPECT_THAT(found_in("api_key = \"" + value + "\""), ElementsAre("secret:" + value));
    EXPECT_THAT(found_in("MY_SECRET_KEY=" + value), ElementsAre("secret:" + value));
    EXPECT_THAT(found_in("Authorization: Bearer " + value), ElementsAre("secret:" + value));
    EXPECT_THAT(found_in("token: the-name-of-the-token-file password=aaaaaaaaaaaaaaaaaaaa1"), IsEmpty());
    EXPECT_THAT(found_in("value = " + value), IsEmpty());
}

TEST(FindPii, FindsPrivateKeyBlocksWholeOrCutOff) {
    const std::string body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\nVJTUt9Us8cKB\n";
    const std::string block = "-----BEGIN RSA PRIVATE KEY-----\n" + body + "-----END RSA PRIVATE KEY-----";
    EXPECT_THAT(found_in("key:\n" + block + "\nafter"), ElementsAre("private_key:" + block));
    const std::string cut = "-----BEGIN PRIVATE KEY-----\n" + body;
    EXPECT_EQ(mask(cut, find_pii(cut)).text, "<PRIVATE_KEY>");
    EXPECT_THAT(found_in("the line -----BEGIN PRIVATE KEY----- starts it"), IsEmpty());
    EXPECT_THAT(found_in("-----BEGIN CERTIFICATE-----\n" + body), IsEmpty());
}

TEST(FindPii, TakesOnlyTheWantedTypesAndScores) {
    const std::string text = "a@b.de 212 736 5000";
    EXPECT_THAT(
        found_in(text, {.types = 1U << static_cast<unsigned>(PiiType::kPhone), .score_min = 0.3}),
        ElementsAre("phone:212 736 5000")
    );
    EXPECT_THAT(found_in(text, {.types = 0}), IsEmpty());
}

TEST(FindPii, GivesOrderedSpansOnAnyBytes) {
    std::string text;
    for (unsigned i = 0; i < 20000; ++i) {
        text += sha256_hex(std::to_string(i)).substr(0, i % 9);
        text += static_cast<char>(i * 131 % 256);
        text += "@.:-+( "[i % 7];
    }
    std::size_t end = 0;
    for (const auto& span : find_pii(text, {.score_min = 0.0})) {
        EXPECT_GE(span.begin, end);
        EXPECT_GT(span.end, span.begin);
        end = span.end;
    }
    EXPECT_LE(end, text.size());
}

TEST(FindPii, StaysLinearOnTextMadeToBeSlow) {
    for (const std::string_view unit :
         {"@", "a@", "1-", "1.", "a:", "=", "=a", "-----BEGIN ", "+1", "eyJ.", "DE11"}) {
        std::string text;
        while (text.size() < (std::size_t{1} << 20)) {
            text += unit;
        }
        EXPECT_LE(find_pii(text).size(), text.size()) << unit;  // The test's deadline is the check.
    }
}

TEST(Mask, ReplacesEachSpanAndCounts) {
    const std::string text = "a@b.de, c@d.org and 93.184.216.34";
    const auto masked = mask(text, find_pii(text));
    EXPECT_EQ(masked.text, "<EMAIL>, <EMAIL> and <IP_ADDRESS>");
    EXPECT_EQ(masked.counts[static_cast<std::size_t>(PiiType::kEmail)], 2U);
    EXPECT_EQ(masked.counts[static_cast<std::size_t>(PiiType::kIpAddress)], 1U);
}

TEST(Mask, LeavesNothingToFindASecondTime) {
    const std::string text = "a@b.de 93.184.216.34 4539 1488 0343 6467 +49 30 901820 DE89370400440532013000";
    const auto masked = mask(text, find_pii(text));
    EXPECT_THAT(found_in(masked.text), IsEmpty());
}

TEST(ParsePiiType, KnowsEveryNameAndNoOther) {
    for (std::size_t type = 0; type < kPiiTypes; ++type) {
        const auto parsed = parse_pii_type(name_of(static_cast<PiiType>(type)));
        ASSERT_TRUE(parsed);
        EXPECT_EQ(static_cast<std::size_t>(*parsed), type);
    }
    EXPECT_EQ(parse_pii_type("shoe_size").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::safety
