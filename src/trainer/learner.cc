#include "trainer/learner.h"

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "trainer/kernels.h"
#include "trainer/llama.h"
#include "trainer/random_order.h"
#include "trainer/torch.h"

namespace capstan::trainer {
namespace {

at::Tensor tensor_over(const Parameter& parameter, std::span<float> values) {
    return at::from_blob(values.data() + parameter.begin, parameter.shape, at::kFloat);
}

TensorMap frozen_tensors(const ParameterLayout& layout, std::span<float> values) {
    TensorMap tensors;
    for (const Parameter& parameter : layout.parameters()) {
        tensors[parameter.name] = tensor_over(parameter, values);
    }
    return tensors;
}

// Leaves whose gradients are added to `gradient`.
TensorMap trained_tensors(const ParameterLayout& layout, std::span<float> values, std::span<float> gradient) {
    TensorMap tensors = frozen_tensors(layout, values);
    for (const Parameter& parameter : layout.parameters()) {
        at::Tensor& leaf = tensors[parameter.name];
        leaf.requires_grad_(true);
        leaf.mutable_grad() = tensor_over(parameter, gradient);
    }
    return tensors;
}

// The first line of libtorch's message; the rest is a backtrace.
Error error_from(const std::exception& thrown) {
    std::string message = thrown.what();
    message.resize(std::min(message.size(), message.find('\n')));
    const bool memory = message.find("memory") != std::string::npos;
    return {
        memory ? ErrorCode::kExhausted : ErrorCode::kInternal,
        fmt::format("libtorch: {}{}", message, memory ? "; use a smaller batch or model" : "")
    };
}

}  // namespace

struct Learner::State {
    State(const LearnerSettings& asked, std::vector<float> trained, std::vector<float> base)
        : settings(asked),
          model_layout(llama_parameters(asked.shape)),
          adapter_layout(lora_parameters(asked.shape, asked.lora)),
          values(std::move(trained)),
          frozen(std::move(base)),
          gradients(asked.threads, std::vector<float>(values.size())),
          team(asked.threads) {}

    LearnerSettings settings;
    ParameterLayout model_layout;
    ParameterLayout adapter_layout;
    std::vector<float> values;
    std::vector<float> frozen;
    std::vector<std::vector<float>> gradients;  // One a thread.
    std::vector<std::unique_ptr<Llama>> replicas;
    WorkerTeam team;

    const ParameterLayout& layout() const { return frozen.empty() ? model_layout : adapter_layout; }

    std::unique_ptr<Llama> make_replica(std::span<float> gradient) {
        TensorMap trained = trained_tensors(layout(), values, gradient);
        if (frozen.empty()) {
            return std::make_unique<Llama>(settings.shape, trained, TensorMap{}, settings.lora);
        }
        return std::make_unique<Llama>(
            settings.shape, frozen_tensors(model_layout, frozen), trained, settings.lora
        );
    }

    // Runs `work` in every thread; an exception of any becomes the Error of all.
    Result<void> guarded(const std::function<void(std::size_t worker)>& work) {
        std::vector<std::optional<Error>> errors(team.size());
        team.run([&](std::size_t worker) {
            try {
                work(worker);
            } catch (const std::exception& thrown) {
                errors[worker] = error_from(thrown);
            }
        });
        for (auto& error : errors) {
            if (error) {
                return std::move(*error);
            }
        }
        return {};
    }

    // The rows of `batch` that `worker` takes, as [rows, columns]; undefined when there are none.
    at::Tensor part(const std::vector<std::int64_t>& tokens, const Batch& batch, std::size_t worker) const {
        const Share share = share_of(static_cast<std::size_t>(batch.rows), worker, team.size());
        if (share.size == 0) {
            return {};
        }
        const auto rows = static_cast<std::int64_t>(share.size);
        const auto begin = static_cast<std::int64_t>(share.begin) * batch.columns;
        // libtorch has no view of constant memory; nothing writes to it.
        return at::from_blob(
            const_cast<std::int64_t*>(tokens.data() + begin), {rows, batch.columns}, at::kLong  // NOLINT
        );
    }
};

Learner::Learner(std::unique_ptr<State> state) : state_(std::move(state)) {}

Learner::~Learner() = default;

Result<std::unique_ptr<Learner>> Learner::make(
    const LearnerSettings& settings, std::vector<float> values, std::vector<float> frozen
) {
    auto state = std::make_unique<State>(settings, std::move(values), std::move(frozen));
    CHECK(state->values.size() == state->layout().size(), "the values are of this layout");
    state->replicas.resize(settings.threads);
    const auto made = state->guarded([&](std::size_t worker) {
        at::set_num_threads(1);  // Of libgomp in this thread: the threads are ours.
        state->replicas[worker] = state->make_replica(state->gradients[worker]);
    });
    if (!made) {
        return made.error();
    }
    return std::unique_ptr<Learner>(new Learner(std::move(state)));
}

const ParameterLayout& Learner::layout() const {
    return state_->layout();
}

std::span<float> Learner::values() {
    return state_->values;
}

std::span<float> Learner::gradient() {
    return state_->gradients.front();
}

WorkerTeam& Learner::team() {
    return state_->team;
}

void Learner::clear_gradients() {
    state_->team.run([&](std::size_t worker) { std::ranges::fill(state_->gradients[worker], 0.0F); });
}

Result<double> Learner::accumulate(const Batch& batch, double scale, std::uint64_t dropout_seed) {
    std::vector<double> losses(state_->team.size());
    const auto done = state_->guarded([&](std::size_t worker) {
        const at::Tensor tokens = state_->part(batch.inputs, batch, worker);
        if (!tokens.defined()) {
            return;
        }
        const Llama& model = *state_->replicas[worker];
        auto generator = at::make_generator<at::CPUGeneratorImpl>(mix_seed(dropout_seed, worker));
        const at::Tensor labels = state_->part(batch.labels, batch, worker).reshape({-1});
        const at::Tensor loss =
            output_loss(model.hidden(tokens, &generator), model.output_weight(), labels, scale);
        loss.backward();
        losses[worker] = loss.item<double>() / scale;
    });
    if (!done) {
        return done.error();
    }
    double sum = 0;
    for (const double loss : losses) {
        sum += loss;
    }
    return sum;
}

void Learner::sum_gradients() {
    state_->team.run([&](std::size_t worker) {
        const Share share = share_of(state_->values.size(), worker, state_->team.size(), 16);
        float* sum = state_->gradients.front().data() + share.begin;
        for (std::size_t other = 1; other < state_->gradients.size(); ++other) {
            kernels::add(
                sum, state_->gradients[other].data() + share.begin, static_cast<std::int64_t>(share.size)
            );
        }
    });
}

Result<double> Learner::loss_sum(const Batch& batch) {
    std::vector<double> losses(state_->team.size());
    const auto done = state_->guarded([&](std::size_t worker) {
        const at::NoGradGuard no_gradients;
        const at::Tensor tokens = state_->part(batch.inputs, batch, worker);
        if (!tokens.defined()) {
            return;
        }
        const Llama& model = *state_->replicas[worker];
        const at::Tensor labels = state_->part(batch.labels, batch, worker).reshape({-1});
        losses[worker] =
            output_loss(model.hidden(tokens, nullptr), model.output_weight(), labels, 1).item<double>();
    });
    if (!done) {
        return done.error();
    }
    double sum = 0;
    for (const double loss : losses) {
        sum += loss;
    }
    return sum;
}

Result<std::vector<float>> Learner::logits(const Batch& batch) {
    std::vector<float> all(batch.inputs.size() * static_cast<std::size_t>(state_->settings.shape.vocab_size));
    const auto done = state_->guarded([&](std::size_t worker) {
        const at::NoGradGuard no_gradients;
        const at::Tensor tokens = state_->part(batch.inputs, batch, worker);
        if (!tokens.defined()) {
            return;
        }
        const Llama& model = *state_->replicas[worker];
        const at::Tensor rows =
            apply_linear(model.hidden(tokens, nullptr), model.output_weight()).contiguous();
        const Share share = share_of(static_cast<std::size_t>(batch.rows), worker, state_->team.size());
        const auto begin = share.begin * static_cast<std::size_t>(batch.columns * rows.size(1));
        std::copy_n(rows.data_ptr<float>(), rows.numel(), all.data() + begin);
    });
    if (!done) {
        return done.error();
    }
    return all;
}

}  // namespace capstan::trainer
