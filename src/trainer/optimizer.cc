#include "trainer/optimizer.h"

#include <algorithm>
#include <cmath>

#include "trainer/kernels.h"

namespace capstan::trainer {
namespace {

constexpr std::size_t kGrainFloats = 16;
constexpr double kClipEps = 1e-6;  // As in torch.nn.utils.clip_grad_norm_.

}  // namespace

Optimizer::Optimizer(const OptimizerSettings& settings, const ParameterLayout& layout, WorkerTeam& team)
    : settings_(settings),
      decaying_size_(layout.decaying_size()),
      team_(team),
      state_{0, std::vector<float>(layout.size()), std::vector<float>(layout.size())} {}

double Optimizer::norm_of(std::span<const float> gradient) {
    std::vector<double> sums(team_.size());
    team_.run([&](std::size_t worker) {
        const Share share = share_of(gradient.size(), worker, team_.size(), kGrainFloats);
        sums[worker] =
            kernels::sum_of_squares(gradient.data() + share.begin, static_cast<std::int64_t>(share.size));
    });
    double total = 0;
    for (const double sum : sums) {
        total += sum;
    }
    return std::sqrt(total);
}

double Optimizer::step(std::span<float> values, std::span<const float> gradient, double learning_rate) {
    const double norm = norm_of(gradient);
    ++state_.steps;
    const auto steps = static_cast<double>(state_.steps);
    kernels::AdamwStep step{
        .learning_rate = static_cast<float>(learning_rate),
        .weight_decay = static_cast<float>(settings_.weight_decay),
        .beta1 = static_cast<float>(settings_.beta1),
        .beta2 = static_cast<float>(settings_.beta2),
        .eps = static_cast<float>(settings_.eps),
        .correction1 = static_cast<float>(1 - std::pow(settings_.beta1, steps)),
        .correction2_root = static_cast<float>(std::sqrt(1 - std::pow(settings_.beta2, steps))),
    };
    if (settings_.clip_norm > 0) {
        step.gradient_scale = static_cast<float>(std::min(1.0, settings_.clip_norm / (norm + kClipEps)));
    }
    team_.run([&](std::size_t worker) {
        const Share share = share_of(values.size(), worker, team_.size(), kGrainFloats);
        const std::size_t end = share.begin + share.size;
        const std::size_t middle = std::clamp(decaying_size_, share.begin, end);
        const auto update = [&](std::size_t from, std::size_t to, float decay) {
            kernels::AdamwStep part = step;
            part.weight_decay = decay;
            kernels::adamw(
                {values.data() + from,
                 gradient.data() + from,
                 state_.mean.data() + from,
                 state_.square_mean.data() + from},
                static_cast<std::int64_t>(to - from),
                part
            );
        };
        update(share.begin, middle, step.weight_decay);
        update(middle, end, 0);
    });
    return norm;
}

}  // namespace capstan::trainer
