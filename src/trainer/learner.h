#pragma once

// A model that learns: loss and gradient of batches, spread over threads. Each thread has its own replica of
// the model (sharing the weights) and its own gradient, and takes some rows of each batch; sums are in fixed
// order. So results are the same for the same number of threads, and no thread waits within a pass.
//
// This is the one door to libtorch's exceptions: they come out as Errors, and no torch header comes in.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "trainer/base_model.h"
#include "trainer/batches.h"
#include "trainer/parameters.h"
#include "trainer/worker_team.h"

namespace capstan::trainer {

struct LearnerSettings {
    ModelShape shape;
    LoraSettings lora;  // Used when there is a frozen model.
    std::size_t threads = 1;
};

class Learner {
public:
    //   values  What is trained, in the order of `layout()`: the model, or the adapter when `frozen` is
    //   given. frozen  The base model of an adapter: llama_parameters(shape), or empty.
    static Result<std::unique_ptr<Learner>> make(
        const LearnerSettings& settings, std::vector<float> values, std::vector<float> frozen
    );
    ~Learner();
    Learner(const Learner&) = delete;
    Learner& operator=(const Learner&) = delete;

    const ParameterLayout& layout() const;
    std::span<float> values();
    std::span<float> gradient();  // After `sum_gradients`.
    WorkerTeam& team();

    void clear_gradients();

    // Adds the gradient of scale · (sum of the cross entropies of the batch's learnt tokens) to the threads'
    // own. Returns that sum, unscaled.
    Result<double> accumulate(const Batch& batch, double scale, std::uint64_t dropout_seed);

    void sum_gradients();

    // The sum of the cross entropies, without dropout.
    Result<double> loss_sum(const Batch& batch);

    // [rows · columns, vocab_size], for tests and checks.
    Result<std::vector<float>> logits(const Batch& batch);

private:
    struct State;

    explicit Learner(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace capstan::trainer
