#include "trainer/ops.h"

#include <algorithm>
#include <span>
#include <vector>

#include "trainer/batches.h"
#include "trainer/gemm.h"

namespace capstan::trainer {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kBlockRows = 256;  // Of logits: 4 MiB at a vocabulary of 4,096.

float* data_of(const Tensor& tensor) {
    return tensor.data_ptr<float>();
}

class RmsNorm : public Function<RmsNorm> {
public:
    static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double eps) {
        Tensor y = at::empty_like(x);
        Tensor inverse = at::empty({x.size(0)}, x.options());
        kernels::rms_norm(
            data_of(x),
            data_of(weight),
            {x.size(0), x.size(1)},
            static_cast<float>(eps),
            data_of(y),
            data_of(inverse)
        );
        context->save_for_backward({x, weight, inverse});
        return y;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const Tensor dy = gradients[0].contiguous();
        Tensor dx = at::empty_like(dy);
        Tensor dweight;
        if (context->needs_input_grad(1)) {
            dweight = at::zeros_like(saved[1]);
        }
        kernels::rms_norm_backward(
            {data_of(dy),
             data_of(saved[0]),
             data_of(saved[1]),
             data_of(saved[2]),
             data_of(dx),
             dweight.defined() ? data_of(dweight) : nullptr},
            {dy.size(0), dy.size(1)}
        );
        return {dx, dweight, Tensor()};
    }
};

class Swiglu : public Function<Swiglu> {
public:
    static Tensor forward(AutogradContext* context, const Tensor& gate, const Tensor& up) {
        Tensor out = at::empty_like(gate);
        kernels::swiglu(data_of(gate), data_of(up), gate.numel(), data_of(out));
        context->save_for_backward({gate, up});
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const Tensor dout = gradients[0].contiguous();
        Tensor dgate = at::empty_like(dout);
        Tensor dup = at::empty_like(dout);
        kernels::swiglu_backward(
            {data_of(dout), data_of(saved[0]), data_of(saved[1]), data_of(dgate), data_of(dup)}, dout.numel()
        );
        return {dgate, dup};
    }
};

// As at::linear, but the gradient of a weight is added straight to its `grad`, where it has one: without a
// temporary of its size and a second pass over it.
class Linear : public Function<Linear> {
public:
    static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight) {
        const std::int64_t rows = x.size(0);
        const std::int64_t inner = x.size(1);
        const std::int64_t columns = weight.size(0);
        Tensor y = at::empty({rows, columns}, x.options());
        multiply(
            {data_of(x), inner}, {data_of(weight), inner, true}, {rows, columns, inner}, {data_of(y), columns}
        );
        context->save_for_backward({x, weight});
        return y;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const Tensor dy = gradients[0].contiguous();
        const std::int64_t rows = dy.size(0);
        const std::int64_t columns = dy.size(1);
        const std::int64_t inner = saved[0].size(1);
        Tensor dx;
        Tensor dweight;
        if (context->needs_input_grad(0)) {
            dx = at::empty({rows, inner}, dy.options());
            multiply(
                {data_of(dy), columns},
                {data_of(saved[1]), inner},
                {rows, inner, columns},
                {data_of(dx), inner}
            );
        }
        if (context->needs_input_grad(1)) {
            const Tensor kept = saved[1].grad();
            dweight = kept.defined() ? Tensor() : at::empty({columns, inner}, dy.options());
            multiply(
                {data_of(dy), columns, true},
                {data_of(saved[0]), inner},
                {columns, inner, rows},
                {kept.defined() ? data_of(kept) : data_of(dweight), inner, kept.defined() ? 1.0F : 0.0F}
            );
        }
        return {dx, dweight};
    }
};

// As at::embedding; adds to a gradient that is there, like Linear.
class Embedding : public Function<Embedding> {
public:
    static Tensor forward(AutogradContext* context, const Tensor& tokens, const Tensor& weight) {
        const std::int64_t size = weight.size(1);
        Tensor rows = at::empty({tokens.numel(), size}, weight.options());
        const auto* token = tokens.data_ptr<std::int64_t>();
        for (std::int64_t row = 0; row < tokens.numel(); ++row) {
            std::copy_n(data_of(weight) + token[row] * size, size, data_of(rows) + row * size);
        }
        context->save_for_backward({tokens, weight});
        return rows;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const Tensor drows = gradients[0].contiguous();
        const Tensor kept = saved[1].grad();
        const Tensor dweight = kept.defined() ? kept : at::zeros_like(saved[1]);
        const std::int64_t size = drows.size(1);
        const auto* token = saved[0].data_ptr<std::int64_t>();
        for (std::int64_t row = 0; row < drows.size(0); ++row) {
            kernels::add(data_of(dweight) + token[row] * size, data_of(drows) + row * size, size);
        }
        return {Tensor(), kept.defined() ? Tensor() : dweight};
    }
};

kernels::Rotation rotation_of(const Tensor& cosines, const Tensor& sines) {
    return {data_of(cosines), data_of(sines), cosines.size(1)};
}

AttentionShape shape_from(AutogradContext* context) {
    const auto sizes = context->saved_data["shape"].toIntVector();
    return {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]};
}

// Function::apply looks for tensors among its arguments, so they come one by one.
class Attention : public Function<Attention> {
public:
    static Tensor forward(
        AutogradContext* context,
        const Tensor& queries,
        const Tensor& keys,
        const Tensor& values,
        const AttentionShape& shape,
        const RotationTable& table
    ) {
        Tensor out = at::empty_like(queries);
        Tensor log_sum = at::empty({shape.sequences, shape.heads, shape.tokens}, queries.options());
        attention(
            {data_of(queries), data_of(keys), data_of(values)},
            shape,
            rotation_of(table.cosines, table.sines),
            data_of(out),
            data_of(log_sum)
        );
        context->save_for_backward({queries, keys, values, out, log_sum, table.cosines, table.sines});
        context->saved_data["shape"] = std::vector<std::int64_t>{
            shape.sequences, shape.tokens, shape.heads, shape.kv_heads, shape.head_dim
        };
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const Tensor dout = gradients[0].contiguous();
        Tensor dqueries = at::empty_like(saved[0]);
        Tensor dkeys = at::empty_like(saved[1]);
        Tensor dvalues = at::empty_like(saved[2]);
        attention_backward(
            {data_of(saved[0]), data_of(saved[1]), data_of(saved[2])},
            {data_of(saved[3]), data_of(saved[4]), data_of(dout)},
            shape_from(context),
            rotation_of(saved[5], saved[6]),
            {data_of(dqueries), data_of(dkeys), data_of(dvalues)}
        );
        return {dqueries, dkeys, dvalues, Tensor(), Tensor()};
    }
};

// Rows that count, packed: prompts and padding cost nothing.
struct LearntRows {
    std::vector<std::size_t> rows;
    std::vector<std::int64_t> labels;
};

LearntRows learnt_rows(const Tensor& labels) {
    LearntRows learnt;
    const std::span label(labels.data_ptr<std::int64_t>(), static_cast<std::size_t>(labels.numel()));
    for (std::size_t row = 0; row < label.size(); ++row) {
        if (label[row] != kIgnoredLabel) {
            learnt.rows.push_back(row);
            learnt.labels.push_back(label[row]);
        }
    }
    return learnt;
}

// Loss and gradients of the output layer, one block of rows after the other.
class OutputBlocks {
public:
    // Undefined gradients are not computed.
    OutputBlocks(const Tensor& hidden, const Tensor& weight, const Tensor& dhidden, const Tensor& dweight)
        : hidden_(hidden),
          weight_(weight),
          dhidden_(dhidden),
          dweight_(dweight),
          packed_(at::empty({kBlockRows, hidden.size(1)}, hidden.options())),
          logits_(at::empty({kBlockRows, weight.size(0)}, hidden.options())) {}

    // The sum of the cross entropies of these rows.
    double add(std::span<const std::size_t> rows, std::span<const std::int64_t> labels, float scale) {
        const std::int64_t size = hidden_.size(1);
        const std::int64_t vocabulary = weight_.size(0);
        const auto count = static_cast<std::int64_t>(rows.size());
        float* packed = data_of(packed_);
        float* logits = data_of(logits_);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::copy_n(row_of(hidden_, rows[i]), size, row_of(packed_, i));
        }
        multiply(
            {packed, size}, {data_of(weight_), size, true}, {count, vocabulary, size}, {logits, vocabulary}
        );
        const double loss = kernels::cross_entropy(logits, labels.data(), {count, vocabulary}, scale);
        if (dweight_.defined()) {
            multiply(
                {logits, vocabulary, true},
                {packed, size},
                {vocabulary, size, count},
                {data_of(dweight_), size, first_ ? 0.0F : 1.0F}
            );
        }
        if (dhidden_.defined()) {
            multiply(
                {logits, vocabulary}, {data_of(weight_), size}, {count, size, vocabulary}, {packed, size}
            );
            for (std::size_t i = 0; i < rows.size(); ++i) {
                std::copy_n(row_of(packed_, i), size, row_of(dhidden_, rows[i]));
            }
        }
        first_ = false;
        return loss;
    }

private:
    Tensor hidden_, weight_, dhidden_, dweight_;
    bool first_ = true;
    Tensor packed_;  // [kBlockRows, size]
    Tensor logits_;  // [kBlockRows, vocabulary]

    static float* row_of(const Tensor& tensor, std::size_t row) {
        return data_of(tensor) + static_cast<std::int64_t>(row) * tensor.size(1);
    }
};

class OutputLoss : public Function<OutputLoss> {
public:
    static Tensor forward(
        AutogradContext* context,
        const Tensor& hidden,
        const Tensor& weight,
        const LearntRows& learnt,
        double scale,
        bool with_gradient
    ) {
        const Tensor dhidden = with_gradient && hidden.requires_grad() ? at::zeros_like(hidden) : Tensor();
        const Tensor dweight = with_gradient && weight.requires_grad() ? at::empty_like(weight) : Tensor();
        const auto step = with_gradient ? static_cast<float>(scale) : 0.0F;
        OutputBlocks blocks(hidden, weight, dhidden, dweight);
        double total = 0;
        for (std::size_t begin = 0; begin < learnt.rows.size(); begin += kBlockRows) {
            const std::size_t count = std::min<std::size_t>(kBlockRows, learnt.rows.size() - begin);
            total += blocks.add(
                std::span(learnt.rows).subspan(begin, count),
                std::span(learnt.labels).subspan(begin, count),
                step
            );
        }
        if (learnt.rows.empty() && dweight.defined()) {
            dweight.zero_();
        }
        context->save_for_backward({dhidden, dweight});
        return at::scalar_tensor(total * scale, hidden.options().dtype(at::kDouble));
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const auto factor = gradients[0].item<double>();
        const auto scaled = [&](const Tensor& gradient) {
            return gradient.defined() && factor != 1 ? gradient * factor : gradient;
        };
        return {scaled(saved[0]), scaled(saved[1]), Tensor(), Tensor(), Tensor()};
    }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
    return RmsNorm::apply(x.contiguous(), weight, eps);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
    return Swiglu::apply(gate.contiguous(), up.contiguous());
}

at::Tensor embed(const at::Tensor& tokens, const at::Tensor& weight) {
    return Embedding::apply(tokens.contiguous(), weight);
}

at::Tensor apply_linear(const at::Tensor& x, const at::Tensor& weight) {
    return Linear::apply(x.contiguous(), weight);
}

RotationTable rotation_table(std::int64_t positions, std::int64_t head_dim, double theta) {
    const auto steps = at::arange(0, head_dim, 2, at::kLong).to(at::kFloat) / static_cast<float>(head_dim);
    const auto frequencies = 1.0 / at::pow(theta, steps);
    const auto angles = at::outer(at::arange(positions, at::kLong).to(at::kFloat), frequencies);
    return {at::cos(angles).contiguous(), at::sin(angles).contiguous()};
}

at::Tensor causal_attention(
    const AttentionTensors& inputs, const AttentionShape& shape, const RotationTable& table
) {
    return Attention::apply(
        inputs.queries.contiguous(), inputs.keys.contiguous(), inputs.values.contiguous(), shape, table
    );
}

at::Tensor output_loss(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels, double scale
) {
    return OutputLoss::apply(
        hidden.contiguous(), weight, learnt_rows(labels), scale, at::GradMode::is_enabled()
    );
}

}  // namespace capstan::trainer
