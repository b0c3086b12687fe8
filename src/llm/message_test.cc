#include "llm/message.h"

#include <limits>

#include <gtest/gtest.h>

namespace capstan::llm {
namespace {

std::string refusal(const Sampling& sampling) {
    const auto valid = validate(sampling);
    return valid ? "valid" : valid.error().message;
}

TEST(Role, NamesReadBack) {
    for (const Role role : {Role::kSystem, Role::kUser, Role::kAssistant, Role::kTool}) {
        EXPECT_EQ(parse_role(name_of(role)), role);
    }
    EXPECT_EQ(parse_role("developer"), Role::kSystem);
    EXPECT_EQ(parse_role("User"), std::nullopt);
    EXPECT_EQ(parse_role(""), std::nullopt);
}

TEST(Sampling, TheDefaultsAndTheEndsOfRangesAreValid) {
    EXPECT_EQ(refusal({}), "valid");
    EXPECT_EQ(refusal({.temperature = 0, .top_p = 1e-6, .min_p = 1, .frequency_penalty = -2}), "valid");
    EXPECT_EQ(
        refusal({.temperature = 2, .presence_penalty = 2, .logit_bias = {{0, -100}, {7, 100}}}), "valid"
    );
}

TEST(Sampling, TheMessageNamesTheParameterAndItsRange) {
    EXPECT_EQ(refusal({.temperature = 2.5}), "'temperature' is 2.5; it must be from 0 to 2");
    EXPECT_EQ(refusal({.top_p = 0}), "'top_p' must be greater than 0");
    EXPECT_EQ(refusal({.typical_p = 0}), "'typical_p' must be greater than 0");
    EXPECT_EQ(refusal({.typical_p = 1.5}), "'typical_p' is 1.5; it must be from 0 to 1");
    EXPECT_EQ(refusal({.repetition_penalty = 0}), "'repetition_penalty' must be greater than 0");
    EXPECT_EQ(refusal({.repetition_penalty = 11}), "'repetition_penalty' is 11; it must be from 0 to 10");
    EXPECT_EQ(refusal({.typical_p = 0.2, .repetition_penalty = 1.3}), "valid");
    EXPECT_EQ(refusal({.top_p = 1.5}), "'top_p' is 1.5; it must be from 0 to 1");
    EXPECT_EQ(refusal({.top_k = -1}), "'top_k' is -1; it must be from 0 to 1073741824");
    EXPECT_EQ(refusal({.min_p = -0.1}), "'min_p' is -0.1; it must be from 0 to 1");
    EXPECT_EQ(refusal({.frequency_penalty = 3}), "'frequency_penalty' is 3; it must be from -2 to 2");
    EXPECT_EQ(refusal({.presence_penalty = -3}), "'presence_penalty' is -3; it must be from -2 to 2");
    EXPECT_EQ(refusal({.logit_bias = {{5, 101}}}), "'logit_bias[5]' is 101; it must be from -100 to 100");
    EXPECT_EQ(refusal({.logit_bias = {{-5, 1}}}), "'logit_bias' names token -5; ids start at 0");
}

TEST(Sampling, NotANumberIsNeverValid) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_NE(refusal({.temperature = nan}), "valid");
    EXPECT_NE(refusal({.top_p = nan}), "valid");
    EXPECT_NE(refusal({.logit_bias = {{1, nan}}}), "valid");
}

}  // namespace
}  // namespace capstan::llm
