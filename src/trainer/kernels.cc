#include "trainer/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#define CAPSTAN_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CAPSTAN_CLONES
#endif
#define CAPSTAN_INLINE __attribute__((always_inline)) inline

namespace capstan::trainer::kernels {
namespace {

// exp(x) to 1e-7 relative (polynomial of Cephes' expf), without branches so that loops become SIMD. Saturates
// outside ±87.
CAPSTAN_INLINE float exp_of(float x) {
    x = x < -87.0F ? -87.0F : x;
    x = x > 87.0F ? 87.0F : x;
    const float n = __builtin_nearbyintf(x * 1.44269504F);
    const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    const float power_of_two = n == n ? n : 0.0F;  // Of NaN no int can be made; p is NaN already.
    const int bits = (static_cast<int>(power_of_two) + 127) << 23;
    float power = 0;
    __builtin_memcpy(&power, &bits, sizeof(power));
    return p * power;
}

CAPSTAN_INLINE float sigmoid(float x) {
    return 1.0F / (1.0F + exp_of(-x));
}

CAPSTAN_INLINE float max_of(const float* row, std::int64_t count) {
    float most = row[0];
    for (std::int64_t i = 1; i < count; ++i) {
        most = row[i] > most ? row[i] : most;
    }
    return most;
}

// row[i] = exp(row[i] − most); returns their sum.
CAPSTAN_INLINE float exp_row(float* row, std::int64_t count, float most) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        row[i] = exp_of(row[i] - most);
        sum += row[i];
    }
    return sum;
}

CAPSTAN_INLINE void clear(float* begin, std::int64_t count) {
    std::memset(begin, 0, static_cast<std::size_t>(count) * sizeof(float));
}

}  // namespace

CAPSTAN_CLONES void rms_norm(
    const float* x, const float* weight, Rows rows, float eps, float* y, float* inverse
) {
#pragma clang fp reassociate(on)
    for (std::int64_t row = 0; row < rows.count; ++row, x += rows.size, y += rows.size) {
        float squares = 0;
        for (std::int64_t i = 0; i < rows.size; ++i) {
            squares += x[i] * x[i];
        }
        const float factor = 1.0F / __builtin_sqrtf(squares / static_cast<float>(rows.size) + eps);
        inverse[row] = factor;
        for (std::int64_t i = 0; i < rows.size; ++i) {
            y[i] = weight[i] * (x[i] * factor);
        }
    }
}

CAPSTAN_CLONES void rms_norm_backward(const RmsNormBackward& arrays, Rows rows) {
#pragma clang fp reassociate(on)
    const float* weight = arrays.weight;
    for (std::int64_t row = 0; row < rows.count; ++row) {
        const float* dy = arrays.dy + row * rows.size;
        const float* x = arrays.x + row * rows.size;
        float* dx = arrays.dx + row * rows.size;
        const float factor = arrays.inverse[row];
        float dot = 0;
        for (std::int64_t i = 0; i < rows.size; ++i) {
            dot += dy[i] * weight[i] * x[i];
        }
        const float along = dot * factor * factor * factor / static_cast<float>(rows.size);
        for (std::int64_t i = 0; i < rows.size; ++i) {
            dx[i] = dy[i] * weight[i] * factor - x[i] * along;
        }
        if (arrays.dweight != nullptr) {
            for (std::int64_t i = 0; i < rows.size; ++i) {
                arrays.dweight[i] += dy[i] * x[i] * factor;
            }
        }
    }
}

CAPSTAN_CLONES void swiglu(const float* gate, const float* up, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = gate[i] * sigmoid(gate[i]) * up[i];
    }
}

CAPSTAN_CLONES void swiglu_backward(const SwigluBackward& arrays, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float gate = arrays.gate[i];
        const float open = sigmoid(gate);
        const float silu = gate * open;
        arrays.dup[i] = arrays.dout[i] * silu;
        arrays.dgate[i] = arrays.dout[i] * arrays.up[i] * (open + silu * (1.0F - open));
    }
}

CAPSTAN_CLONES void rotate_head(
    HeadRows from, HeadTarget to, const Rotation& rotation, float scale, float direction
) {
    const std::int64_t half = rotation.half;
    for (std::int64_t row = 0; row < from.count; ++row) {
        const float* x = from.data + row * from.stride;
        float* y = to.data + row * to.stride;
        const float* cosine = rotation.cosines + row * half;
        const float* sine = rotation.sines + row * half;
        for (std::int64_t i = 0; i < half; ++i) {
            const float first = x[i];
            const float second = x[i + half];
            const float turn = sine[i] * direction;
            y[i] = scale * (first * cosine[i] - second * turn);
            y[i + half] = scale * (second * cosine[i] + first * turn);
        }
    }
}

CAPSTAN_CLONES void causal_softmax(float* scores, Rows rows, std::int64_t first_row, float* log_sum) {
    for (std::int64_t row = 0; row < rows.count; ++row, scores += rows.size) {
        const std::int64_t seen = first_row + row + 1;
        const float most = max_of(scores, seen);
        const float sum = exp_row(scores, seen, most);
        const float factor = 1.0F / sum;
        for (std::int64_t i = 0; i < seen; ++i) {
            scores[i] *= factor;
        }
        clear(scores + seen, rows.size - seen);
        log_sum[row] = most + std::log(sum);
    }
}

CAPSTAN_CLONES void causal_probabilities(
    float* scores, Rows rows, std::int64_t first_row, const float* log_sum
) {
    for (std::int64_t row = 0; row < rows.count; ++row, scores += rows.size) {
        const std::int64_t seen = first_row + row + 1;
        for (std::int64_t i = 0; i < seen; ++i) {
            scores[i] = exp_of(scores[i] - log_sum[row]);
        }
        clear(scores + seen, rows.size - seen);
    }
}

CAPSTAN_CLONES void softmax_backward(
    float* dscores, const float* probabilities, Rows rows, const float* delta
) {
    for (std::int64_t row = 0; row < rows.count; ++row) {
        for (std::int64_t i = row * rows.size; i < (row + 1) * rows.size; ++i) {
            dscores[i] = probabilities[i] * (dscores[i] - delta[row]);
        }
    }
}

CAPSTAN_CLONES void row_dots(HeadRows a, HeadRows b, std::int64_t size, float* dots) {
#pragma clang fp reassociate(on)
    for (std::int64_t row = 0; row < a.count; ++row) {
        float dot = 0;
        for (std::int64_t i = 0; i < size; ++i) {
            dot += a.data[row * a.stride + i] * b.data[row * b.stride + i];
        }
        dots[row] = dot;
    }
}

CAPSTAN_CLONES double cross_entropy(float* logits, const std::int64_t* labels, Rows rows, float scale) {
    double total = 0;
    for (std::int64_t row = 0; row < rows.count; ++row, logits += rows.size) {
        const float most = max_of(logits, rows.size);
        const float target = logits[labels[row]];
        const float sum = exp_row(logits, rows.size, most);
        total += std::log(static_cast<double>(sum)) + static_cast<double>(most) - static_cast<double>(target);
        if (scale != 0) {
            const float factor = scale / sum;
            for (std::int64_t i = 0; i < rows.size; ++i) {
                logits[i] *= factor;
            }
            logits[labels[row]] -= scale;
        }
    }
    return total;
}

CAPSTAN_CLONES void adamw(const AdamwArrays& arrays, std::int64_t count, const AdamwStep& step) {
    float* values = arrays.values;
    const float* gradient = arrays.gradient;
    float* mean = arrays.mean;
    float* square_mean = arrays.square_mean;
    const AdamwStep s = step;
    const float keep = 1.0F - s.learning_rate * s.weight_decay;
    const float rate = s.learning_rate / s.correction1;
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] * s.gradient_scale;
        mean[i] = mean[i] * s.beta1 + g * (1.0F - s.beta1);
        square_mean[i] = square_mean[i] * s.beta2 + g * g * (1.0F - s.beta2);
        const float spread = __builtin_sqrtf(square_mean[i]) / s.correction2_root + s.eps;
        values[i] = values[i] * keep - rate * (mean[i] / spread);
    }
}

CAPSTAN_CLONES double sum_of_squares(const float* x, std::int64_t count) {
    constexpr std::int64_t kChunk = 4096;  // Short float sums, then double: no loss over millions.
    double total = 0;
    for (std::int64_t begin = 0; begin < count; begin += kChunk) {
#pragma clang fp reassociate(on)
        const std::int64_t end = begin + kChunk < count ? begin + kChunk : count;
        float sum = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            sum += x[i] * x[i];
        }
        total += static_cast<double>(sum);
    }
    return total;
}

CAPSTAN_CLONES void add(float* to, const float* from, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        to[i] += from[i];
    }
}

}  // namespace capstan::trainer::kernels
