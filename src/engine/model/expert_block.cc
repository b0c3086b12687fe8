#include "engine/model/expert_block.h"

#include <algorithm>
#include <cmath>

#include "engine/model/row_loop.h"

namespace capstan::engine {
namespace {

void softmax(std::span<float> values) {
    const float largest = std::ranges::max(values);
    float sum = 0;
    for (float& value : values) {
        value = std::exp(value - largest);
        sum += value;
    }
    for (float& value : values) {
        value /= sum;
    }
}

}  // namespace

void ExpertBlock::run(std::int64_t rows, std::int64_t layer, const float* x, float* out) {
    const ModelConfig& config = parts_.config;
    const ExpertWeights& weights = parts_.weights.layers[static_cast<std::size_t>(layer)].experts;
    const std::int64_t used = config.experts.used;
    choose(rows, weights, x);
    gather(rows, x);
    grow(results_, rows * used * config.hidden);
    grow(gate_, rows * std::max(config.experts.intermediate, config.experts.shared_intermediate));
    grow(up_, std::ssize(gate_));
    for (std::size_t expert = 0; expert < weights.experts.size(); ++expert) {
        if (begins_[expert] < begins_[expert + 1]) {
            run_mlp(weights.experts[expert], begins_[expert], begins_[expert + 1]);
        }
    }
    const bool has_shared = config.experts.shared_intermediate > 0;
    if (has_shared) {
        run_shared(weights, rows, x);
    }
    for_rows(parts_.team, rows, (used + 1) * config.hidden, [&](std::int64_t row) {
        float* sum = out + row * config.hidden;
        std::fill_n(sum, config.hidden, 0.0F);
        for (std::int64_t i = 0; i < used; ++i) {
            const Choice& choice = choices_[static_cast<std::size_t>(row * used + i)];
            parts_.math.add(
                sum, results_.data() + choice.place * config.hidden, choice.weight, config.hidden
            );
        }
        if (has_shared) {
            const float weight = shared_weights_[static_cast<std::size_t>(row)];
            parts_.math.add(sum, shared_.data() + row * config.hidden, weight, config.hidden);
        }
    });
}

void ExpertBlock::choose(std::int64_t rows, const ExpertWeights& weights, const float* x) {
    const ExpertConfig& experts = parts_.config.experts;
    grow(scores_, rows * experts.count);
    parts_.projector.multiply(weights.router.weight, x, rows, scores_.data());
    choices_.resize(static_cast<std::size_t>(rows * experts.used));
    for_rows(parts_.team, rows, experts.count * (experts.used + 20), [&](std::int64_t row) {
        choose_for_row(row);
    });
}

// The most likely experts, of equal ones the first.
void ExpertBlock::choose_for_row(std::int64_t row) {
    const ExpertConfig& experts = parts_.config.experts;
    const auto count = static_cast<std::size_t>(experts.count);
    const auto scores = std::span(scores_).subspan(static_cast<std::size_t>(row) * count, count);
    const auto choices = std::span(choices_).subspan(
        static_cast<std::size_t>(row * experts.used), static_cast<std::size_t>(experts.used)
    );
    softmax(scores);
    float sum = 0;
    for (Choice& choice : choices) {
        const auto best = std::ranges::max_element(scores);
        choice = {.expert = best - scores.begin(), .weight = *best};
        sum += *best;
        *best = -1;
    }
    if (experts.normalises) {
        for (Choice& choice : choices) {
            choice.weight /= sum;
        }
    }
    std::ranges::sort(choices, {}, &Choice::expert);
}

// Copies rows side by side by expert.
void ExpertBlock::gather(std::int64_t rows, const float* x) {
    const std::int64_t hidden = parts_.config.hidden;
    const std::int64_t used = parts_.config.experts.used;
    begins_.assign(static_cast<std::size_t>(parts_.config.experts.count) + 1, 0);
    for (const Choice& choice : choices_) {
        ++begins_[static_cast<std::size_t>(choice.expert) + 1];
    }
    for (std::size_t i = 1; i < begins_.size(); ++i) {
        begins_[i] += begins_[i - 1];
    }
    for (Choice& choice : choices_) {
        choice.place = begins_[static_cast<std::size_t>(choice.expert)]++;
    }
    // Each beginning has moved to its end, which is where the next one begins.
    std::ranges::move_backward(begins_.begin(), begins_.end() - 1, begins_.end());
    begins_.front() = 0;
    grow(gathered_, rows * used * hidden);
    for_rows(parts_.team, rows * used, hidden, [&](std::int64_t i) {
        const std::int64_t place = choices_[static_cast<std::size_t>(i)].place;
        std::copy_n(x + i / used * hidden, hidden, gathered_.data() + place * hidden);
    });
}

void ExpertBlock::run_mlp(const MlpWeights& mlp, std::int64_t begin, std::int64_t end) {
    const std::int64_t hidden = parts_.config.hidden;
    const std::int64_t size = parts_.config.experts.intermediate;
    const std::int64_t rows = end - begin;
    const float* x = gathered_.data() + begin * hidden;
    parts_.projector.multiply(mlp.gate.weight, x, rows, gate_.data());
    parts_.projector.multiply(mlp.up.weight, x, rows, up_.data());
    for_rows(parts_.team, rows, 4 * size, [&](std::int64_t i) {
        float* up = up_.data() + i * size;
        parts_.math.activate(gate_.data() + i * size, up, up, size);
    });
    parts_.projector.multiply(mlp.down.weight, up_.data(), rows, results_.data() + begin * hidden);
}

// The expert of all rows, weighed by a sigmoid.
void ExpertBlock::run_shared(const ExpertWeights& weights, std::int64_t rows, const float* x) {
    const std::int64_t size = parts_.config.experts.shared_intermediate;
    grow(shared_, rows * parts_.config.hidden);
    grow(shared_weights_, rows);
    parts_.projector.multiply(weights.shared.gate.weight, x, rows, gate_.data());
    parts_.projector.multiply(weights.shared.up.weight, x, rows, up_.data());
    for_rows(parts_.team, rows, 4 * size, [&](std::int64_t i) {
        float* up = up_.data() + i * size;
        parts_.math.activate(gate_.data() + i * size, up, up, size);
    });
    parts_.projector.multiply(weights.shared.down.weight, up_.data(), rows, shared_.data());
    parts_.projector.multiply(weights.shared_gate.weight, x, rows, shared_weights_.data());
    for (std::int64_t row = 0; row < rows; ++row) {
        float& weight = shared_weights_[static_cast<std::size_t>(row)];
        weight = 1 / (1 + std::exp(-weight));
    }
}

}  // namespace capstan::engine
