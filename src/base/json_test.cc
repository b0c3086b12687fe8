#include "base/json.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan {
namespace {

using testing::HasSubstr;

Json parsed(std::string_view text) {
    auto json = parse_json(text);
    EXPECT_TRUE(json) << text << ": " << (json ? "" : json.error().message);
    return json ? *json : Json();
}

std::string refusal(std::string_view text, int depth_max = 128) {
    const auto json = parse_json(text, depth_max);
    EXPECT_FALSE(json) << text;
    EXPECT_TRUE(json || json.error().code == ErrorCode::kInvalid);
    return json ? "" : json.error().message;
}

TEST(Json, PrintsWhatItReadInTheSameOrder) {
    for (const char* text :
         {"null",
          "true",
          "-1",
          "0.5",
          "\"\"",
          "[]",
          "{}",
          R"({"b":1,"a":[1,2.5,{"c":null}],"é":"ü\n\t\"\\"})",
          "[9223372036854775807,-9223372036854775808,18446744073709551615]"}) {
        EXPECT_EQ(parsed(text).dump(), text);
    }
}

TEST(Json, KeepsIntegersExactAndDoublesDouble) {
    EXPECT_EQ(parsed("9007199254740993").as_int(), 9'007'199'254'740'993);
    EXPECT_EQ(parsed("1.0").as_int(), std::nullopt);
    EXPECT_EQ(parsed("1.0").dump(), "1.0");
    EXPECT_EQ(parsed("1").as_double(), 1.0);
    EXPECT_EQ(parsed("18446744073709551615").as_int(), std::nullopt);
    EXPECT_TRUE(parsed("18446744073709551615").is_integer());
    EXPECT_EQ(Json(std::uint64_t{7}), Json(7));
}

TEST(Json, DoublesPrintTheShortestTextThatReadsBackEqual) {
    for (const double value : {0.1, -0.0, 1e300, 5e-324, 123456789.125, 1.7976931348623157e308, 2.0 / 3.0}) {
        const Json back = parsed(Json(value).dump());
        EXPECT_EQ(back.as_double(), value);
        EXPECT_EQ(std::signbit(*back.as_double()), std::signbit(value));
    }
    EXPECT_EQ(Json(0.1).dump(), "0.1");
    EXPECT_EQ(Json(std::numeric_limits<double>::quiet_NaN()).dump(), "null");
    EXPECT_EQ(Json(-std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(Json, ReadsEscapesAndSurrogatePairs) {
    EXPECT_EQ(*parsed(R"("\u0041\ud83d\ude00\/\b\f")").as_string(), "A😀/\b\f");
    EXPECT_EQ(*parsed(R"("a\u0000b")").as_string(), std::string("a\0b", 3));
    EXPECT_EQ(Json(std::string("a\0b\x1f", 4)).dump(), R"("a\u0000b\u001f")");
}

TEST(Json, PrintsBrokenBytesAsReplacementCharacters) {
    EXPECT_EQ(Json("a\xFFz").dump(), "\"a\xEF\xBF\xBDz\"");
    EXPECT_EQ(Json("\xE2\x82").dump(), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Json, PrettyTextIsIndentedAndReadsBackEqual) {
    const Json json = parsed(R"({"a":[1,{}],"b":[]})");
    EXPECT_EQ(json.dump_pretty(), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}\n");
    EXPECT_EQ(parsed(json.dump_pretty()), json);
}

TEST(Json, RefusesWhatIsNotOneDocument) {
    for (const char* text :
         {"",
          " ",
          "{",
          "[1,]",
          "{\"a\":1,}",
          "{'a':1}",
          "nul",
          "01",
          "1.",
          "+1",
          "NaN",
          "\"\n\"",
          "\"\\x\"",
          "1 2",
          "{} x",
          "[1] // why",
          "\"\xFF\"",
          "\"\xED\xA0\x80\"",
          "\"\\ud800\"",
          "18446744073709551616",
          "-9223372036854775809",
          "1e999"}) {
        EXPECT_THAT(refusal(text), HasSubstr("JSON: ")) << text;
    }
}

TEST(Json, RefusesARepeatedNameAndNamesIt) {
    EXPECT_THAT(refusal(R"({"role":"viewer","x":1,"role":"admin"})"), HasSubstr("'role' is given twice"));
    EXPECT_THAT(refusal(R"({"a":{"b":1,"\u0062":2}})"), HasSubstr("'b'"));
}

TEST(Json, RefusesNestingOverTheLimit) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(parse_json(nested(100)));
    EXPECT_THAT(refusal(nested(129)), HasSubstr("JSON: "));
    EXPECT_THAT(refusal(nested(1'000'000)), HasSubstr("JSON: "));
    EXPECT_THAT(refusal(nested(6), 5), HasSubstr("JSON: "));
    EXPECT_TRUE(parse_json(nested(4), 5));
}

TEST(Json, FindsMembersAndAnswersNullForTheRest) {
    const Json json = parsed(R"({"a":{"b":[1,2]},"n":null})");
    EXPECT_EQ((*json["a"]["b"].as_array())[1].as_int(), 2);
    EXPECT_TRUE(json["a"]["zz"]["deeper"].is_null());
    EXPECT_TRUE(json.contains("n"));
    EXPECT_FALSE(json.contains("zz"));
    EXPECT_TRUE(Json(3)["a"].is_null());
}

TEST(Json, GetsMembersWithDefaultsOrErrorsThatNameThem) {
    const Json json = parsed(R"({"s":"x","i":3,"d":0.5,"b":true,"n":null})");
    EXPECT_EQ(json.string_or("s", "y"), "x");
    EXPECT_EQ(json.string_or("i", "y"), "y");
    EXPECT_EQ(json.int_or("i", 9), 3);
    EXPECT_EQ(json.int_or("d", 9), 9);
    EXPECT_EQ(json.double_or("i", 9), 3.0);
    EXPECT_EQ(json.bool_or("n", true), true);
    EXPECT_EQ(*json.get_string("s"), "x");
    EXPECT_EQ(*json.get_int("i"), 3);
    EXPECT_EQ(*json.get_double("d"), 0.5);
    EXPECT_THAT(json.get_string("i").error().message, HasSubstr("'i' must be a string"));
    EXPECT_THAT(json.get_int("zz").error().message, HasSubstr("'zz' must be an integer"));
    EXPECT_THAT(json.get_double("s").error().message, HasSubstr("'s' must be a number"));
}

TEST(Json, BuildsObjectsAndArrays) {
    Json json;
    json.set("a", 1).set("b", "two").set("a", Json::array({1, nullptr, true}));
    json.set("c", Json::array_of(std::vector<int>{1, 2}));
    EXPECT_EQ(json.dump(), R"({"a":[1,null,true],"b":"two","c":[1,2]})");
    Json list;
    list.push(1).push(Json::object());
    EXPECT_EQ(list.dump(), "[1,{}]");
    EXPECT_EQ(Json(std::optional<std::string>()).dump(), "null");
    EXPECT_EQ(Json(std::optional<std::string>("x")).dump(), "\"x\"");
}

TEST(Json, ObjectsAreEqualInTheSameOrderOnly) {
    EXPECT_EQ(parsed(R"({"a":1,"b":2})"), parsed(R"( { "a" : 1 , "b" : 2 } )"));
    EXPECT_NE(parsed(R"({"a":1,"b":2})"), parsed(R"({"b":2,"a":1})"));
}

TEST(Json, ReadsATextWithManyNamesInLinearTime) {
    std::string text = "{";
    for (int i = 0; i < 100'000; ++i) {
        text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":0";
    }
    text += "}";
    EXPECT_EQ(parsed(text).as_object()->size(), 100'000U);
}

}  // namespace
}  // namespace capstan
