#include "engine/model/pooling.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

using testing::ElementsAre;

TEST(VectorPool, TakesTheLastRowOrTheMean) {
    const std::vector<float> first = {1, 2};
    const std::vector<float> second = {3, 8};
    VectorPool last(Pooling::kLast);
    VectorPool mean(Pooling::kMean);
    for (VectorPool* pool : {&last, &mean}) {
        pool->add(first);
        pool->add(second);
    }
    EXPECT_THAT(last.take(), ElementsAre(3, 8));
    EXPECT_THAT(mean.take(), ElementsAre(2, 5));
    mean.add(second);
    EXPECT_THAT(mean.take(), ElementsAre(3, 8)) << "it begins again";
}

TEST(ScaleToLengthOne, KeepsTheDirectionAndLeavesNothingAlone) {
    std::vector<float> vector = {3, 4};
    scale_to_length_one(vector);
    EXPECT_FLOAT_EQ(vector[0], 0.6F);
    EXPECT_FLOAT_EQ(vector[1], 0.8F);
    std::vector<float> zero = {0, 0};
    scale_to_length_one(zero);
    EXPECT_THAT(zero, ElementsAre(0, 0));
}

}  // namespace
}  // namespace capstan::engine
