#include "base/result.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"

namespace capstan {
namespace {

TEST(Result, EveryCodeHasItsOwnName) {
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
        names.insert(name_of(static_cast<ErrorCode>(code)));
    }
    EXPECT_EQ(names.size(), 10U);
    EXPECT_EQ(name_of(ErrorCode::kNotFound), "not_found");
    EXPECT_EQ(name_of(ErrorCode::kTooLarge), "too_large");
}

TEST(Result, ExitCodesAreThoseOfTheManual) {
    EXPECT_EQ(exit_code_of(ErrorCode::kInternal), 1);
    EXPECT_EQ(exit_code_of(ErrorCode::kInvalid), 2);
    EXPECT_EQ(exit_code_of(ErrorCode::kDenied), exit_code_of(ErrorCode::kUnauthorized));
    EXPECT_EQ(exit_code_of(ErrorCode::kNotFound), 4);
    EXPECT_EQ(exit_code_of(ErrorCode::kConflict), 5);
    EXPECT_EQ(exit_code_of(ErrorCode::kTooLarge), exit_code_of(ErrorCode::kExhausted));
    EXPECT_EQ(exit_code_of(ErrorCode::kUnavailable), 7);
    EXPECT_EQ(exit_code_of(ErrorCode::kCancelled), 8);
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<int> good = 4;
    const Result<int> bad = Error{ErrorCode::kConflict, "taken"};
    EXPECT_EQ(*good, 4);
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.error().code, ErrorCode::kConflict);
    EXPECT_EQ(bad.error().message, "taken");
    const Result<void> done{};
    EXPECT_TRUE(done);
}

TEST(Result, ContextGoesBeforeTheMessageAndKeepsTheCode) {
    const Error error = with_context("job.json", {ErrorCode::kInvalid, "no name"});
    EXPECT_EQ(error.code, ErrorCode::kInvalid);
    EXPECT_EQ(error.message, "job.json: no name");
}

TEST(CheckDeathTest, SaysWhereWhatAndWhy) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        CHECK(1 + 1 == 3, "arithmetic holds"),
        R"(result_test\.cc:[0-9]+: CHECK failed: 1 \+ 1 == 3: arithmetic holds)"
    );
    CHECK(true, "not reached");
}

}  // namespace
}  // namespace capstan
