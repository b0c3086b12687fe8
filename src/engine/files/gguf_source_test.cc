#include "engine/files/gguf_source.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/files/quantise.h"

namespace capstan::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Tensors of float32, numbered through from `first`.
class Source {
public:
    Tensor* add(std::string name, std::vector<std::int64_t> shape, float first = 0) {
        std::int64_t count = 1;
        for (const std::int64_t size : shape) {
            count *= size;
        }
        auto& numbers = *numbers_.emplace_back(std::make_unique<std::vector<float>>());
        for (std::int64_t i = 0; i < count; ++i) {
            numbers.push_back(first + static_cast<float>(i));
        }
        tensors_.push_back(std::make_unique<Tensor>(Tensor{
            .name = name, .type = DataType::kF32, .shape = shape, .bytes = std::as_bytes(std::span(numbers))
        }));
        named_.push_back({.name = std::move(name), .tensor = tensors_.back().get()});
        return tensors_.back().get();
    }

    Result<std::vector<GgufSource>> of(const std::string& architecture, std::int64_t heads = 2) const {
        return gguf_sources_of(
            {.architecture = architecture, .query_heads = heads, .key_heads = heads / 2}, named_
        );
    }

private:
    std::vector<std::unique_ptr<std::vector<float>>> numbers_;
    std::vector<std::unique_ptr<Tensor>> tensors_;
    std::vector<NamedTensor> named_;
};

std::vector<float> numbers_of(const GgufSource& source) {
    std::vector<float> numbers(static_cast<std::size_t>(source.rows() * source.columns()));
    for (std::int64_t row = 0; row < source.rows(); ++row) {
        source.read_row(row, numbers.data() + row * source.columns());
    }
    return numbers;
}

TEST(GgufSource, PutsLlamasRotaryPairsBesideEachOther) {
    Source source;
    source.add("model.layers.3.self_attn.q_proj.weight", {8, 1});
    source.add("model.layers.3.self_attn.k_proj.bias", {4});
    source.add("model.layers.3.self_attn.v_proj.weight", {4, 1});
    const auto made = source.of("llama");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ((*made)[0].name, "blk.3.attn_q.weight");
    EXPECT_THAT(numbers_of((*made)[0]), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
    EXPECT_EQ((*made)[1].name, "blk.3.attn_k.bias");
    EXPECT_THAT(numbers_of((*made)[1]), ElementsAre(0, 2, 1, 3));
    EXPECT_TRUE((*made)[2].is_as_stored());
    // What reads such a file finds each row where it was.
    for (std::int64_t row = 0; row < 8; ++row) {
        Tensor stored = *(*made)[0].parts.front();
        stored.interleaved_heads = 2;
        EXPECT_EQ((*made)[0].part_row(stored_row(stored, row)), row);
    }
}

TEST(GgufSource, StacksExpertsInTheirOrder) {
    Source source;
    source.add("model.layers.0.mlp.experts.0.up_proj.weight", {2, 3}, 0);
    source.add("model.layers.0.mlp.experts.0.down_proj.weight", {3, 2}, 100);
    source.add("model.layers.0.mlp.experts.1.up_proj.weight", {2, 3}, 10);
    source.add("model.layers.0.mlp.experts.1.down_proj.weight", {3, 2}, 200);
    source.add("model.layers.0.mlp.shared_expert_gate.weight", {1, 3}, 7);
    const auto made = source.of("qwen2moe");
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(made->size(), 3U);
    EXPECT_EQ((*made)[0].name, "blk.0.ffn_up_exps.weight");
    EXPECT_THAT((*made)[0].shape, ElementsAre(2, 2, 3));
    EXPECT_THAT(numbers_of((*made)[0]), ElementsAre(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15));
    EXPECT_EQ((*made)[1].name, "blk.0.ffn_down_exps.weight");
    EXPECT_EQ((*made)[2].name, "blk.0.ffn_gate_inp_shexp.weight");
    EXPECT_THAT((*made)[2].shape, ElementsAre(3));
}

TEST(GgufSource, TransposesGpt2sMatricesAndAddsOneToGemmasNorms) {
    Source source;
    source.add("transformer.h.1.attn.c_attn.weight", {2, 3});
    source.add("transformer.h.1.attn.c_attn.bias", {3});
    source.add("transformer.wpe.weight", {2, 3});
    const auto made = source.of("gpt2");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_THAT((*made)[0].shape, ElementsAre(3, 2));
    EXPECT_THAT(numbers_of((*made)[0]), ElementsAre(0, 3, 1, 4, 2, 5));
    EXPECT_THAT(numbers_of((*made)[1]), ElementsAre(0, 1, 2));
    EXPECT_EQ((*made)[2].name, "position_embd.weight");
    Source gemma;
    gemma.add("model.layers.0.self_attn.q_norm.weight", {2});
    gemma.add("model.norm.weight", {2});
    gemma.add("model.embed_tokens.weight", {2, 1});
    const auto norms = gemma.of("gemma3");
    ASSERT_TRUE(norms) << norms.error().message;
    EXPECT_THAT(numbers_of((*norms)[0]), ElementsAre(1, 2));
    EXPECT_THAT(numbers_of((*norms)[1]), ElementsAre(1, 2));
    EXPECT_THAT(numbers_of((*norms)[2]), ElementsAre(0, 1));
}

TEST(GgufSource, RefusesTensorsByName) {
    const auto refusal = [](const std::string& name, const std::string& architecture) {
        Source source;
        source.add(name, {2, 2});
        const auto made = source.of(architecture);
        return made ? "" : made.error().message;
    };
    EXPECT_THAT(
        refusal("model.layers.0.self_attn.rotary.weight", "llama"), HasSubstr("rotary.weight' has no place")
    );
    EXPECT_THAT(refusal("model.layers.x.mlp.up_proj.weight", "llama"), HasSubstr("layers.x.mlp"));
    EXPECT_THAT(refusal("model.layers.0.mlp.experts.1.up_proj.weight", "qwen3moe"), HasSubstr("in order"));
    EXPECT_THAT(refusal("model.layers.0.mlp.experts.0.w1.weight", "qwen3moe"), HasSubstr("has no place"));
    EXPECT_THAT(refusal("weight", "gpt2"), HasSubstr("'weight' has no place"));
    EXPECT_THAT(refusal("lm_head.weight", "falcon"), HasSubstr("'falcon'"));
    Source mixed;
    mixed.add("model.layers.0.mlp.experts.0.up_proj.weight", {2, 2});
    mixed.add("model.layers.0.mlp.experts.1.up_proj.weight", {2, 2})->type = DataType::kF16;
    EXPECT_THAT(mixed.of("qwen3moe").error().message, HasSubstr("experts.1.up_proj.weight' is F16"));
    Source blocks;
    blocks.add("transformer.h.0.mlp.c_fc.weight", {32, 32})->type = DataType::kQ8_0;
    EXPECT_THAT(blocks.of("gpt2").error().message, HasSubstr("would have to be transposed"));
}

}  // namespace
}  // namespace capstan::engine
