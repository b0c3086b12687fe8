#include "platform/sql/placeholder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::sql {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Placeholders, AreNumberedOncePerName) {
    const auto numbered = number_placeholders("a = :a AND (b = :b_1 OR a <> :a)");
    EXPECT_EQ(numbered.text, "a = $1 AND (b = $2 OR a <> $1)");
    EXPECT_THAT(numbered.names, ElementsAre("a", "b_1"));
}

TEST(Placeholders, AreLeftAloneInStringsNamesCommentsAndCasts) {
    const std::string text = "':a' \":b\" 'it''s :c' x::text /* :d */ y -- :e\n:";
    const auto numbered = number_placeholders(text);
    EXPECT_EQ(numbered.text, text);
    EXPECT_THAT(numbered.names, IsEmpty());
}

TEST(Placeholders, EndWithTheTextEvenInsideAnOpenString) {
    EXPECT_EQ(number_placeholders("SELECT ':a").text, "SELECT ':a");
    EXPECT_EQ(number_placeholders("SELECT /* :a").text, "SELECT /* :a");
    EXPECT_EQ(number_placeholders("").text, "");
    EXPECT_EQ(number_placeholders(":z").text, "$1");
}

}  // namespace
}  // namespace capstan::sql
