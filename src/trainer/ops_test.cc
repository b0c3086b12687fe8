// Our kernels against ATen's operators, which are their plain twins: values and gradients.

#include "trainer/ops.h"

#include <gtest/gtest.h>

#include "trainer/batches.h"

namespace capstan::trainer {
namespace {

using at::Tensor;

// Sums of some hundred float32 products in another order.
constexpr double kTolerance = 3e-5;

Tensor random(at::IntArrayRef shape) {
    return at::randn(shape, at::kFloat).requires_grad_(true);
}

// Compares values, and the gradients of the same random weighting of them.
void expect_same(const Tensor& ours, const Tensor& theirs, const std::vector<Tensor>& inputs) {
    EXPECT_LT((ours - theirs).abs().max().item<double>(), kTolerance);
    const Tensor weights = at::randn_like(theirs);
    std::vector<Tensor> gradients;
    for (const Tensor& output : {ours, theirs}) {
        for (const Tensor& input : inputs) {
            input.mutable_grad() = Tensor();
        }
        (output * weights).sum().backward();
        for (const Tensor& input : inputs) {
            gradients.push_back(input.grad().clone());
        }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        EXPECT_LT((gradients[i] - gradients[i + inputs.size()]).abs().max().item<double>(), kTolerance)
            << "input " << i;
    }
}

TEST(Ops, RmsNormIsItsFormula) {
    at::manual_seed(1);
    const Tensor x = random({7, 37});
    const Tensor weight = random({37});
    const Tensor plain = weight * (x * at::rsqrt(x.pow(2).mean(-1, true) + 1e-5));
    expect_same(rms_norm(x, weight, 1e-5), plain, {x, weight});
}

TEST(Ops, SwigluIsItsFormulaAlsoFarFromZero) {
    at::manual_seed(2);
    const Tensor gate = (at::randn({5, 41}) * 40).requires_grad_(true);
    const Tensor up = random({5, 41});
    expect_same(swiglu(gate, up), at::silu(gate) * up, {gate, up});
}

TEST(Ops, LinearIsAProductWithTheTranspose) {
    at::manual_seed(3);
    const Tensor x = random({9, 23});
    const Tensor weight = random({17, 23});
    expect_same(apply_linear(x, weight), at::matmul(x, weight.t()), {x, weight});
}

TEST(Ops, EmbeddingTakesRowsAndSumsTheGradientsOfRepeatedOnes) {
    at::manual_seed(6);
    const Tensor weight = random({11, 7});
    const Tensor tokens = at::tensor({3, 0, 3, 10, 3}, at::kLong);
    expect_same(embed(tokens, weight), at::embedding(weight, tokens), {weight});
    const Tensor kept = at::ones({11, 7});
    weight.mutable_grad() = kept;
    embed(tokens, weight).sum().backward();
    EXPECT_EQ(kept.sum(1).select(0, 3).item<float>(), 7 * 4);
    EXPECT_EQ(kept.sum(1).select(0, 1).item<float>(), 7);
}

TEST(Ops, LinearAddsToAGradientThatIsThere) {
    at::manual_seed(3);
    const Tensor x = random({9, 23});
    const Tensor weight = random({17, 23});
    const Tensor kept = at::ones({17, 23});
    weight.mutable_grad() = kept;
    apply_linear(x, weight).sum().backward();
    const Tensor expected = at::ones({17, 23}) + at::ones({17, 9}).matmul(x.detach());
    EXPECT_LT((kept - expected).abs().max().item<double>(), kTolerance);
}

Tensor turned(const Tensor& heads, const RotationTable& table) {
    const std::int64_t half = heads.size(-1) / 2;
    const Tensor first = heads.narrow(-1, 0, half);
    const Tensor second = heads.narrow(-1, half, half);
    const Tensor cosines = table.cosines.narrow(0, 0, heads.size(2));
    const Tensor sines = table.sines.narrow(0, 0, heads.size(2));
    return at::cat({first * cosines - second * sines, second * cosines + first * sines}, -1);
}

// Softmax over a masked matrix of all scores.
Tensor plain_attention(
    const AttentionTensors& inputs, const AttentionShape& shape, const RotationTable& table
) {
    const auto heads_of = [&](const Tensor& rows, std::int64_t heads) {
        return rows.reshape({shape.sequences, shape.tokens, heads, shape.head_dim}).transpose(1, 2);
    };
    const std::int64_t group = shape.heads / shape.kv_heads;
    const Tensor queries = turned(heads_of(inputs.queries, shape.heads), table);
    const Tensor keys = turned(heads_of(inputs.keys, shape.kv_heads), table).repeat_interleave(group, 1);
    const Tensor values = heads_of(inputs.values, shape.kv_heads).repeat_interleave(group, 1);
    const Tensor later = at::ones({shape.tokens, shape.tokens}, at::kBool).triu(1);
    const Tensor scores =
        queries.matmul(keys.transpose(2, 3)) / std::sqrt(static_cast<double>(shape.head_dim));
    const Tensor weights = at::softmax(scores.masked_fill(later, -INFINITY), -1);
    return weights.matmul(values).transpose(1, 2).reshape({shape.sequences * shape.tokens, -1});
}

class Attention : public testing::TestWithParam<AttentionShape> {};

TEST_P(Attention, IsSoftmaxOverWhatCameBefore) {
    at::manual_seed(4);
    const AttentionShape shape = GetParam();
    const auto table = rotation_table(shape.tokens + 3, shape.head_dim, 10'000);
    const std::int64_t rows = shape.sequences * shape.tokens;
    const AttentionTensors inputs{
        random({rows, shape.heads * shape.head_dim}),
        random({rows, shape.kv_heads * shape.head_dim}),
        random({rows, shape.kv_heads * shape.head_dim})
    };
    expect_same(
        causal_attention(inputs, shape, table),
        plain_attention(inputs, shape, table),
        {inputs.queries, inputs.keys, inputs.values}
    );
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    Attention,
    testing::Values(
        AttentionShape{.sequences = 1, .tokens = 1, .heads = 1, .kv_heads = 1, .head_dim = 2},
        AttentionShape{.sequences = 2, .tokens = 5, .heads = 4, .kv_heads = 2, .head_dim = 6},
        AttentionShape{.sequences = 3, .tokens = 64, .heads = 3, .kv_heads = 1, .head_dim = 16},
        AttentionShape{.sequences = 2, .tokens = 130, .heads = 4, .kv_heads = 4, .head_dim = 32}
    )
);

TEST(Ops, OutputLossIsTheCrossEntropyOfLearntRows) {
    at::manual_seed(5);
    const Tensor hidden = random({600, 19});
    const Tensor weight = random({53, 19});
    const Tensor labels = at::randint(0, 53, {600}, at::kLong);
    labels.index_fill_(0, at::arange(0, 600, 3), kIgnoredLabel);
    const auto sum =
        at::cross_entropy_loss(hidden.matmul(weight.t()), labels, {}, at::Reduction::Sum, kIgnoredLabel);
    expect_same(output_loss(hidden, weight, labels, 0.01), (sum * 0.01).to(at::kDouble), {hidden, weight});
}

TEST(Ops, OutputLossOfNoLearntRowIsZero) {
    const Tensor hidden = random({4, 8});
    const Tensor weight = random({10, 8});
    const Tensor loss = output_loss(hidden, weight, at::full({4}, kIgnoredLabel, at::kLong), 1);
    loss.backward();
    EXPECT_EQ(loss.item<double>(), 0);
    EXPECT_EQ(hidden.grad().abs().max().item<double>(), 0);
}

TEST(Ops, OutputLossSurvivesHugeLogits) {
    const Tensor hidden = at::full({2, 1}, 1e4F);
    const Tensor weight = at::tensor({-1.0F, 0.0F, 1.0F}).reshape({3, 1});
    const Tensor labels = at::tensor({2, 0}, at::kLong);
    EXPECT_NEAR(output_loss(hidden, weight, labels, 1).item<double>(), 2e4, 1);
}

}  // namespace
}  // namespace capstan::trainer
