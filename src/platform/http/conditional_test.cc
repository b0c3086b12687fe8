#include "platform/http/conditional.h"

#include <gtest/gtest.h>

#include "platform/http/gzip.h"

namespace capstan::http {
namespace {

TEST(Conditional, ComparesTagsWeakly) {
    EXPECT_TRUE(lists_tag("\"a\"", "\"a\""));
    EXPECT_TRUE(lists_tag("\"x\", W/\"a\"", "\"a\""));
    EXPECT_TRUE(lists_tag("\"a\"", "W/\"a\""));
    EXPECT_TRUE(lists_tag(" * ", "\"a\""));
    EXPECT_FALSE(lists_tag("\"b\", \"ab\"", "\"a\""));
    EXPECT_FALSE(lists_tag("", "\"a\""));
}

TEST(Conditional, WritesAndReadsDates) {
    EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110, 5.6.7
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), std::nullopt);
    EXPECT_EQ(parse_http_date("Sun, 06 Foo 1994 08:49:37 GMT"), std::nullopt);
    EXPECT_EQ(parse_http_date(""), std::nullopt);
}

TEST(Conditional, ReadsOneRange) {
    const auto read = [](std::string_view text) {
        ByteRange range;
        EXPECT_EQ(read_range(text, 1000, range), RangeAnswer::kPart) << text;
        return range;
    };
    EXPECT_EQ(read("bytes=0-0"), (ByteRange{0, 1}));
    EXPECT_EQ(read("bytes=10-19"), (ByteRange{10, 10}));
    EXPECT_EQ(read("bytes=990-"), (ByteRange{990, 10}));
    EXPECT_EQ(read("bytes=990-5000"), (ByteRange{990, 10}));
    EXPECT_EQ(read("bytes=-10"), (ByteRange{990, 10}));
    EXPECT_EQ(read("bytes=-5000"), (ByteRange{0, 1000}));
    EXPECT_EQ(read("bytes=0-18446744073709551615"), (ByteRange{0, 1000}));
}

TEST(Conditional, AnswersTheWholeToWhatIsNoRange) {
    ByteRange range;
    for (const std::string_view text :
         {"",
          "bytes",
          "bytes=",
          "bytes=-",
          "bytes=a-b",
          "bytes=5-4",
          "bytes=1-2,4-5",
          "lines=1-2",
          "bytes=1--2",
          "bytes=99999999999999999999-"}) {
        EXPECT_EQ(read_range(text, 1000, range), RangeAnswer::kWhole) << text;
    }
    EXPECT_EQ(read_range("bytes=1000-", 1000, range), RangeAnswer::kUnsatisfiable);
    EXPECT_EQ(read_range("bytes=-0", 1000, range), RangeAnswer::kUnsatisfiable);
    EXPECT_EQ(read_range("bytes=-5", 0, range), RangeAnswer::kUnsatisfiable);
    EXPECT_EQ(read_range("bytes=0-", 0, range), RangeAnswer::kUnsatisfiable);
}

TEST(Conditional, ReadsAcceptEncoding) {
    EXPECT_TRUE(accepts_gzip("gzip"));
    EXPECT_TRUE(accepts_gzip("br, GZIP;q=0.5"));
    EXPECT_TRUE(accepts_gzip("*"));
    EXPECT_FALSE(accepts_gzip("gzip;q=0"));
    EXPECT_FALSE(accepts_gzip("gzip; q=0.000"));
    EXPECT_FALSE(accepts_gzip("br, deflate"));
    EXPECT_FALSE(accepts_gzip(""));
}

TEST(Gzip, GivesBackWhatItTook) {
    for (const std::string& text : {std::string(), std::string("a"), std::string(1 << 20, 'x')}) {
        const std::string packed = gzip(text);
        EXPECT_EQ(*gunzip(packed, 1 << 20), text);
    }
}

TEST(Gzip, RefusesBombsAndBrokenInput) {
    const std::string packed = gzip(std::string(50 << 20, 'x'));
    EXPECT_LT(packed.size(), 100u << 10);
    EXPECT_EQ(gunzip(packed, 1 << 20).error().code, ErrorCode::kTooLarge);
    const std::string small = gzip("hello, hello, hello");
    for (std::size_t bytes = 0; bytes < small.size(); ++bytes) {
        EXPECT_EQ(gunzip(small.substr(0, bytes), 1000).error().code, ErrorCode::kInvalid) << bytes;
    }
    EXPECT_EQ(gunzip(small + "x", 1000).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(gunzip("plain text", 1000).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::http
