#include "base/clock.h"

#include <limits>

#include <gtest/gtest.h>

namespace capstan {
namespace {

std::int64_t parsed(std::string_view text) {
    const auto ms = parse_rfc3339(text);
    EXPECT_TRUE(ms) << text;
    return ms ? *ms : -1;
}

TEST(Clock, PrintsUtcWithMilliseconds) {
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(rfc3339(1'000'000'000'123), "2001-09-09T01:46:40.123Z");
    EXPECT_EQ(rfc3339(951'782'400'000), "2000-02-29T00:00:00.000Z");
}

TEST(Clock, PrintsTheNearestYearItCanForTheRest) {
    EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::min()), "0001-01-01T00:00:00.000Z");
    EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59.999Z");
}

// The examples of RFC 3339, section 5.8.
TEST(Clock, ReadsTheExamplesOfTheStandard) {
    EXPECT_EQ(rfc3339(parsed("1985-04-12T23:20:50.52Z")), "1985-04-12T23:20:50.520Z");
    EXPECT_EQ(rfc3339(parsed("1996-12-19T16:39:57-08:00")), "1996-12-20T00:39:57.000Z");
    EXPECT_EQ(rfc3339(parsed("1990-12-31T23:59:60Z")), "1991-01-01T00:00:00.000Z");
    EXPECT_EQ(parsed("1990-12-31T15:59:60-08:00"), parsed("1990-12-31T23:59:60Z"));
    EXPECT_EQ(rfc3339(parsed("1937-01-01T12:00:27.87+00:20")), "1937-01-01T11:40:27.870Z");
}

TEST(Clock, ReadsLowerCaseASpaceAndNanoseconds) {
    EXPECT_EQ(parsed("1970-01-01t00:00:01z"), 1000);
    EXPECT_EQ(parsed("1970-01-01 00:00:01Z"), 1000);
    EXPECT_EQ(parsed("1970-01-01T00:00:00.123456789Z"), 123);
    EXPECT_EQ(parsed("1970-01-01T00:00:00.1Z"), 100);
}

TEST(Clock, ReadsBackWhatItPrints) {
    for (std::int64_t ms = -62'135'596'800'000; ms < 253'402'300'799'999; ms += 9'876'543'210'987) {
        EXPECT_EQ(parsed(rfc3339(ms)), ms);
    }
}

TEST(Clock, RefusesWhatIsNoTime) {
    for (const char* text :
         {"",
          "2026",
          "2026-11-20",
          "2026-11-20T10:12:16",
          "2026-13-20T10:12:16Z",
          "2026-02-29T10:12:16Z",
          "2026-11-20T24:00:00Z",
          "2026-11-20T10:60:16Z",
          "2026-11-20T10:12:61Z",
          "2026-11-20T10:12:16.Z",
          "2026-11-20T10:12:16.1234567890Z",
          "2026-11-20T10:12:16Z ",
          "2026-11-20T10:12:16+0200",
          "2026-11-20T10:12:16+24:00",
          "+026-11-20T10:12:16Z",
          "2026-11-20X10:12:16Z"}) {
        const auto ms = parse_rfc3339(text);
        ASSERT_FALSE(ms) << text;
        EXPECT_EQ(ms.error().code, ErrorCode::kInvalid);
        EXPECT_NE(ms.error().message.find(text), std::string::npos);
    }
}

TEST(Clock, MonotonicTimeNeverGoesBack) {
    std::int64_t before = monotonic_now_us();
    for (int i = 0; i < 1000; ++i) {
        const std::int64_t now = monotonic_now_us();
        EXPECT_GE(now, before);
        before = now;
    }
}

}  // namespace
}  // namespace capstan
