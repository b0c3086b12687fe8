#include "serving/replica_spec.h"

#include <gtest/gtest.h>

namespace capstan::serving {
namespace {

constexpr std::int64_t kMega = 1'000'000;

ReplicaSpec spec(std::int64_t parameters, std::int64_t bytes, std::string quantize = {}) {
    ReplicaSpec made;
    made.version.id = "v1";
    made.version.parameters = parameters;
    made.version.files = {{"config.json", "a", 1000}, {"model.safetensors", "b", bytes - 1000}};
    made.quantize = std::move(quantize);
    return made;
}

// Beside what every engine takes.
std::int64_t of_weights(const ReplicaSpec& counted) {
    return memory_bytes_of(counted) - memory_bytes_of(ReplicaSpec{});
}

TEST(ReplicaSpec, AVariantIsTheVersionAndWhatItsWeightsAreRoundedTo) {
    EXPECT_EQ(variant_of("v1", ""), "v1");
    EXPECT_NE(variant_of("v1", "int8"), variant_of("v1", "int4"));
    EXPECT_NE(variant_of("v1", "int8"), variant_of("v2", "int8"));
    EXPECT_NE(variant_of("v1", "int8"), variant_of("v1", ""));
}

TEST(ReplicaSpec, RoundedWeightsTakeLessMemory) {
    EXPECT_GT(memory_bytes_of(ReplicaSpec{}), 0) << "an engine without weights takes some";
    EXPECT_EQ(of_weights(spec(100 * kMega, 200 * kMega)), 200 * kMega);
    EXPECT_EQ(of_weights(spec(100 * kMega, 200 * kMega, "int8")), 106'250'000);
    EXPECT_EQ(of_weights(spec(100 * kMega, 200 * kMega, "int4")), 75 * kMega);
}

TEST(ReplicaSpec, RoundingNeverCountsForMoreThanTheFiles) {
    EXPECT_EQ(of_weights(spec(100 * kMega, 60 * kMega, "int8")), 60 * kMega)
        << "they have fewer bits already";
    EXPECT_EQ(of_weights(spec(0, 200 * kMega, "int4")), 200 * kMega) << "nobody said how many weights";
}

TEST(ReplicaSpec, AnAdapterIsCountedAsItIsBesideItsBase) {
    ReplicaSpec adapted = spec(10 * kMega, 20 * kMega, "int4");
    adapted.base = spec(100 * kMega, 200 * kMega).version;
    EXPECT_EQ(of_weights(adapted), 95 * kMega);
}

}  // namespace
}  // namespace capstan::serving
