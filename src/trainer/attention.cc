#include "trainer/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "trainer/gemm.h"

namespace capstan::trainer {
namespace {

constexpr std::int64_t kBlockQueries = 64;

struct Scratch {
    explicit Scratch(const AttentionShape& shape)
        : head(static_cast<std::size_t>(shape.tokens * shape.head_dim)),
          block(static_cast<std::size_t>(kBlockQueries * shape.tokens)),
          queries(head),
          keys(head),
          dqueries(head),
          dkeys(head),
          scores(block),
          dscores(block),
          delta(static_cast<std::size_t>(shape.tokens)) {}

    std::size_t head;
    std::size_t block;
    std::vector<float> queries;  // [tokens, head_dim], turned and scaled
    std::vector<float> keys;
    std::vector<float> dqueries;
    std::vector<float> dkeys;
    std::vector<float> scores;  // [kBlockQueries, tokens]
    std::vector<float> dscores;
    std::vector<float> delta;
};

// One sequence and one head: where its rows start, and how far apart they are.
struct Place {
    std::int64_t query_offset;
    std::int64_t key_offset;
    std::int64_t query_stride;
    std::int64_t key_stride;
    std::int64_t log_sum_offset;
};

Place place_of(const AttentionShape& shape, std::int64_t sequence, std::int64_t head) {
    const std::int64_t query_stride = shape.heads * shape.head_dim;
    const std::int64_t key_stride = shape.kv_heads * shape.head_dim;
    const std::int64_t kv_head = head / (shape.heads / shape.kv_heads);
    return {
        sequence * shape.tokens * query_stride + head * shape.head_dim,
        sequence * shape.tokens * key_stride + kv_head * shape.head_dim,
        query_stride,
        key_stride,
        (sequence * shape.heads + head) * shape.tokens,
    };
}

struct Block {
    std::int64_t begin;
    std::int64_t rows;

    std::int64_t columns() const { return begin + rows; }  // That the last row sees.
};

Block block_at(std::int64_t begin, std::int64_t tokens) {
    return {begin, std::min(kBlockQueries, tokens - begin)};
}

float scale_of(const AttentionShape& shape) {
    return 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
}

// scores = queries of the block · keysᵀ
void block_scores(const Scratch& scratch, Block block, std::int64_t head_dim, float* scores) {
    multiply(
        {scratch.queries.data() + block.begin * head_dim, head_dim},
        {scratch.keys.data(), head_dim, true},
        {block.rows, block.columns(), head_dim},
        {scores, block.columns()}
    );
}

struct BackwardJob {
    const AttentionInputs& inputs;
    const AttentionResult& result;
    const AttentionShape& shape;
    const AttentionGradients& gradients;
};

// The gradients of one head: queries into the scratch, keys added to the scratch, values added where they
// belong.
void head_backward(Scratch& scratch, const BackwardJob& job, const Place& place) {
    const AttentionShape& shape = job.shape;
    const AttentionResult& result = job.result;
    const std::int64_t dim = shape.head_dim;
    const float* values = job.inputs.values + place.key_offset;
    const float* dout = result.dout + place.query_offset;
    float* dvalues = job.gradients.values + place.key_offset;
    kernels::row_dots(
        {dout, place.query_stride, shape.tokens},
        {result.out + place.query_offset, place.query_stride, shape.tokens},
        dim,
        scratch.delta.data()
    );
    for (std::int64_t begin = 0; begin < shape.tokens; begin += kBlockQueries) {
        const Block block = block_at(begin, shape.tokens);
        const std::int64_t columns = block.columns();
        const kernels::Rows rows{block.rows, columns};
        const Matrix dout_block{dout + begin * place.query_stride, place.query_stride};
        float* scores = scratch.scores.data();
        float* dscores = scratch.dscores.data();
        block_scores(scratch, block, dim, scores);
        kernels::causal_probabilities(scores, rows, begin, result.log_sum + place.log_sum_offset + begin);
        multiply(
            {scores, columns, true}, dout_block, {columns, dim, block.rows}, {dvalues, place.key_stride, 1}
        );
        multiply(
            dout_block, {values, place.key_stride, true}, {block.rows, columns, dim}, {dscores, columns}
        );
        kernels::softmax_backward(dscores, scores, rows, scratch.delta.data() + begin);
        multiply(
            {dscores, columns},
            {scratch.keys.data(), dim},
            {block.rows, dim, columns},
            {scratch.dqueries.data() + begin * dim, dim}
        );
        multiply(
            {dscores, columns, true},
            {scratch.queries.data() + begin * dim, dim},
            {columns, dim, block.rows},
            {scratch.dkeys.data(), dim, 1}
        );
    }
}

void load_keys(
    Scratch& scratch,
    const AttentionInputs& inputs,
    const AttentionShape& shape,
    const kernels::Rotation& rotation,
    const Place& place
) {
    kernels::rotate_head(
        {inputs.keys + place.key_offset, place.key_stride, shape.tokens},
        {scratch.keys.data(), shape.head_dim},
        rotation,
        1,
        1
    );
}

void load_queries(
    Scratch& scratch,
    const AttentionInputs& inputs,
    const AttentionShape& shape,
    const kernels::Rotation& rotation,
    const Place& place
) {
    kernels::rotate_head(
        {inputs.queries + place.query_offset, place.query_stride, shape.tokens},
        {scratch.queries.data(), shape.head_dim},
        rotation,
        scale_of(shape),
        1
    );
}

}  // namespace

void attention(
    const AttentionInputs& inputs,
    const AttentionShape& shape,
    const kernels::Rotation& rotation,
    float* out,
    float* log_sum
) {
    Scratch scratch(shape);
    const std::int64_t dim = shape.head_dim;
    const std::int64_t group = shape.heads / shape.kv_heads;
    for (std::int64_t unit = 0; unit < shape.sequences * shape.heads; ++unit) {
        const std::int64_t head = unit % shape.heads;
        const Place place = place_of(shape, unit / shape.heads, head);
        if (head % group == 0) {
            load_keys(scratch, inputs, shape, rotation, place);
        }
        load_queries(scratch, inputs, shape, rotation, place);
        for (std::int64_t begin = 0; begin < shape.tokens; begin += kBlockQueries) {
            const Block block = block_at(begin, shape.tokens);
            const std::int64_t columns = block.columns();
            float* scores = scratch.scores.data();
            block_scores(scratch, block, dim, scores);
            kernels::causal_softmax(
                scores, {block.rows, columns}, begin, log_sum + place.log_sum_offset + begin
            );
            multiply(
                {scores, columns},
                {inputs.values + place.key_offset, place.key_stride},
                {block.rows, dim, columns},
                {out + place.query_offset + begin * place.query_stride, place.query_stride}
            );
        }
    }
}

void attention_backward(
    const AttentionInputs& inputs,
    const AttentionResult& result,
    const AttentionShape& shape,
    const kernels::Rotation& rotation,
    const AttentionGradients& gradients
) {
    Scratch scratch(shape);
    const std::int64_t group = shape.heads / shape.kv_heads;
    std::fill_n(gradients.values, shape.sequences * shape.tokens * shape.kv_heads * shape.head_dim, 0.0F);
    for (std::int64_t unit = 0; unit < shape.sequences * shape.heads; ++unit) {
        const std::int64_t head = unit % shape.heads;
        const Place place = place_of(shape, unit / shape.heads, head);
        if (head % group == 0) {
            load_keys(scratch, inputs, shape, rotation, place);
            std::ranges::fill(scratch.dkeys, 0.0F);
        }
        load_queries(scratch, inputs, shape, rotation, place);
        head_backward(scratch, {inputs, result, shape, gradients}, place);
        kernels::rotate_head(
            {scratch.dqueries.data(), shape.head_dim, shape.tokens},
            {gradients.queries + place.query_offset, place.query_stride},
            rotation,
            scale_of(shape),
            -1
        );
        if (head % group == group - 1) {
            kernels::rotate_head(
                {scratch.dkeys.data(), shape.head_dim, shape.tokens},
                {gradients.keys + place.key_offset, place.key_stride},
                rotation,
                1,
                -1
            );
        }
    }
}

}  // namespace capstan::trainer
