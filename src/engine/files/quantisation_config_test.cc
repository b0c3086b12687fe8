#include "engine/files/quantisation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

using testing::HasSubstr;

TEST(QuantisationConfig, KnowsTheMethodsByName) {
    EXPECT_FALSE(quantisation_refusal(Json::object({{"quant_method", "fp8"}})));
    EXPECT_FALSE(quantisation_refusal(Json::object({{"quant_method", "compressed-tensors"}})));
    EXPECT_FALSE(quantisation_refusal(Json::object({{"quant_method", "gptq"}, {"bits", 4}})));
    EXPECT_THAT(*quantisation_refusal(Json::object({{"quant_method", "bitnet"}})), HasSubstr("'awq'"));
    EXPECT_TRUE(quantisation_refusal(Json()));
}

TEST(QuantisationConfig, RefusesVariantsByName) {
    const auto refusal = [](Json config) { return quantisation_refusal(config).value_or(""); };
    EXPECT_EQ(refusal(Json::object({{"quant_method", "gptq"}, {"bits", 4}, {"desc_act", true}})), "");
    EXPECT_EQ(refusal(Json::object({{"quant_method", "awq"}, {"bits", 4}, {"version", "GEMM"}})), "");
    EXPECT_THAT(refusal(Json::object({{"quant_method", "gptq"}, {"bits", 3}})), HasSubstr("not 3"));
    EXPECT_THAT(
        refusal(Json::object({{"quant_method", "gptq"}, {"bits", 4}, {"checkpoint_format", "marlin"}})),
        HasSubstr("'marlin'")
    );
    EXPECT_THAT(refusal(Json::object({{"quant_method", "awq"}, {"bits", 8}})), HasSubstr("not 8"));
    EXPECT_THAT(
        refusal(Json::object({{"quant_method", "awq"}, {"bits", 4}, {"version", "gemv"}})),
        HasSubstr("'gemv'")
    );
}

}  // namespace
}  // namespace capstan::engine
