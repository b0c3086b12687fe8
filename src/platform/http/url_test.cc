#include "platform/http/url.h"

#include <gtest/gtest.h>

namespace capstan::http {
namespace {

TEST(Url, DecodesAndEncodesPercentSigns) {
    EXPECT_EQ(*percent_decode("a%20b%2Fc%c3%A9+"), "a b/cé+");
    EXPECT_EQ(percent_encode("a b/é~"), "a%20b%2F%C3%A9~");
    std::string all;
    for (int byte = 1; byte < 256; ++byte) {
        all.push_back(static_cast<char>(byte));
    }
    EXPECT_EQ(*percent_decode(percent_encode(all)), all);
}

TEST(Url, RefusesBrokenEscapes) {
    for (const std::string_view text : {"%", "%1", "%g0", "%0g", "a%", "%%41", "%00", "x%00y"}) {
        EXPECT_FALSE(percent_decode(text)) << text;
    }
}

TEST(Url, ReadsQueryParametersInOrder) {
    const auto query = QueryParameters::parse("a=1&b=x%26y+z&a=2&&flag&=empty&c=1=2");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->get("a"), "1");
    EXPECT_EQ(query->all("a"), (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(query->get("b"), "x&y z");
    ASSERT_NE(query->find("flag"), nullptr);
    EXPECT_EQ(*query->find("flag"), "");
    EXPECT_EQ(query->get(""), "empty");
    EXPECT_EQ(query->get("c"), "1=2");
    EXPECT_EQ(query->find("none"), nullptr);
}

TEST(Url, ReadsWholeNumbersFromTheQuery) {
    const auto query = QueryParameters::parse("limit=20&bad=2x&big=9223372036854775808&minus=-3&empty=");
    EXPECT_EQ(*query->get_int("limit", 5), 20);
    EXPECT_EQ(*query->get_int("minus", 5), -3);
    EXPECT_EQ(*query->get_int("none", 5), 5);
    for (const std::string_view name : {"bad", "big", "empty"}) {
        const auto value = query->get_int(name, 5);
        ASSERT_FALSE(value) << name;
        EXPECT_TRUE(value.error().message.contains(name)) << value.error().message;
    }
}

TEST(Url, RefusesTooManyParameters) {
    std::string query;
    for (std::size_t i = 0; i <= QueryParameters::kCountMax; ++i) {
        query += "a&";
    }
    EXPECT_FALSE(QueryParameters::parse(query));
}

TEST(Url, TakesAnAbsoluteUrlApart) {
    const auto url = parse_url("https://example.org:8443/v1/models?x=1#part");
    ASSERT_TRUE(url);
    EXPECT_TRUE(url->is_tls);
    EXPECT_EQ(url->host, "example.org");
    EXPECT_EQ(url->port, 8443);
    EXPECT_EQ(url->target, "/v1/models?x=1");
    EXPECT_EQ(url->authority(), "example.org:8443");
    EXPECT_EQ(parse_url("http://a")->target, "/");
    EXPECT_EQ(parse_url("http://a?x")->target, "/?x");
    EXPECT_EQ(parse_url("https://a/")->authority(), "a");
    const auto v6 = parse_url("http://[::1]:80/x");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->authority(), "[::1]");
}

TEST(Url, RefusesWhatIsNoUrl) {
    for (const std::string_view text :
         {"",
          "example.org",
          "ftp://a/",
          "http://",
          "http:///x",
          "http://a:0/",
          "http://a:65536/",
          "http://a:b/",
          "http://a:/",
          "http://[::1/",
          "http://[::1]x/",
          "http://user:secret@a/",
          "http://a/b c",
          "http://a/\r\nX: y"}) {
        EXPECT_FALSE(parse_url(text)) << text;
    }
    EXPECT_FALSE(parse_url("http://user:secret@a/").error().message.contains("secret"));
}

TEST(Url, CutsATargetIntoSegments) {
    const auto target = parse_target("/a%2Fb//c/?x=%20");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->segments, (std::vector<std::string>{"a/b", "", "c", ""}));
    EXPECT_EQ(target->path, "/a/b//c/");
    EXPECT_EQ(target->query, "x=%20");
    EXPECT_EQ(parse_target("http://host/a?b")->path, "/a");
    EXPECT_EQ(parse_target("http://host")->path, "/");
    EXPECT_EQ(parse_target("http://host?q")->query, "q");
}

TEST(Url, RefusesTargetsThatClimb) {
    for (const std::string_view target :
         {"",
          "a",
          "*",
          "/..",
          "/../a",
          "/a/..",
          "/a/./b",
          "/%2e%2e/a",
          "/.%2E/a",
          "/a%2f..%2fb",
          "/..%2f",
          "/%00"}) {
        EXPECT_FALSE(parse_target(target)) << target;
    }
    EXPECT_TRUE(parse_target("/a..b/...")) << "dots inside a name are no climb";
}

}  // namespace
}  // namespace capstan::http
