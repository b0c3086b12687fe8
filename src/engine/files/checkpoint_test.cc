#include "engine/files/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/test_paths.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine";

class CheckpointTest : public testing::Test {
protected:
    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();

    void write(std::string_view name, std::string_view content) {
        ASSERT_TRUE(replace_file(directory_ / name, content));
    }

    void write_shard(std::string_view file, std::string_view tensor) {
        const std::vector<float> values = {1, 2};
        const TensorToWrite one = {
            .name = std::string(tensor),
            .type = DataType::kF32,
            .shape = {2},
            .bytes = std::as_bytes(std::span(values))
        };
        ASSERT_TRUE(write_safetensors(directory_ / file, std::span(&one, 1)));
    }

    std::string refusal() {
        const auto opened = Checkpoint::open(directory_);
        EXPECT_FALSE(opened);
        return opened ? "" : opened.error().message;
    }
};

TEST_F(CheckpointTest, ReadsOneFileOrShards) {
    const auto single = Checkpoint::open(kGolden / "tied_f32");
    ASSERT_TRUE(single) << single.error().message;
    EXPECT_NE(single->find("model.norm.weight"), nullptr);
    const auto shards = Checkpoint::open(kGolden / "llama3_bf16");
    ASSERT_TRUE(shards) << shards.error().message;
    EXPECT_NE(shards->find("model.embed_tokens.weight"), nullptr);
    EXPECT_NE(shards->find("lm_head.weight"), nullptr);
    EXPECT_EQ(shards->find("model.layers.9.mlp.up_proj.weight"), nullptr);
    EXPECT_EQ(shards->names().size(), 3U + 3U * 9U);
}

TEST_F(CheckpointTest, RefusesAnIndexThatLies) {
    write_shard("one.safetensors", "a");
    write("model.safetensors.index.json", R"({"weight_map":{"a":"one.safetensors","b":"one.safetensors"}})");
    EXPECT_THAT(refusal(), HasSubstr("'b'"));
    write("model.safetensors.index.json", R"({"weight_map":{"a":"two.safetensors"}})");
    EXPECT_THAT(refusal(), HasSubstr("two.safetensors"));
    write("model.safetensors.index.json", R"({"weight_map":[]})");
    EXPECT_THAT(refusal(), HasSubstr("weight_map"));
    write("model.safetensors.index.json", "{");
    EXPECT_THAT(refusal(), HasSubstr("index"));
}

TEST_F(CheckpointTest, RefusesShardsOutsideTheDirectory) {
    for (const auto* name : {"../one.safetensors", "/etc/passwd", "..", "", "a/b"}) {
        write(
            "model.safetensors.index.json", Json::object({{"weight_map", Json::object({{"t", name}})}}).dump()
        );
        EXPECT_THAT(refusal(), HasSubstr("beside the index")) << name;
    }
}

TEST_F(CheckpointTest, SaysWhatIsMissingInAnEmptyDirectory) {
    EXPECT_THAT(refusal(), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace capstan::engine
