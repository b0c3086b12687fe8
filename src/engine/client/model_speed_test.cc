#include "engine/client/model_speed.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

TEST(ModelSpeed, MeasuresEachOfWhatWasAskedForAndRefusesWhatCannotBe) {
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    ASSERT_TRUE(write_random_model(folder, {}));
    const SpeedOptions options = {
        .model = folder,
        .prompt_tokens = 40,
        .decode_tokens = 5,
        .streams = {1, 3},
        .chunk_tokens = 16,
        .repeats = 2,
        .read_bytes = 1 << 16
    };
    const auto speed = measure_speed(options);
    ASSERT_TRUE(speed) << speed.error().message;
    EXPECT_EQ(speed->prefill_tokens_per_second.size(), 2U);
    ASSERT_EQ(speed->decode.size(), 2U);
    EXPECT_EQ(speed->decode[1].streams, 3);
    EXPECT_EQ(speed->decode[1].tokens_per_second.size(), 2U);
    EXPECT_GT(speed->weight_bytes, 0);
    EXPECT_GT(speed->read_bytes_per_second.front(), 0);
    SpeedOptions none = options;
    none.streams = {};
    EXPECT_EQ(measure_speed(none).error().code, ErrorCode::kInvalid);
    none = options;
    none.model = folder / "none";
    EXPECT_FALSE(measure_speed(none));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace capstan::engine
