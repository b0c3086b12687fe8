#pragma once

// A generation that runs on a thread of its own pool, read piece by piece by another: between a model that
// pushes text and an HTTP body that pulls it.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "llm/model_client.h"
#include "platform/http/worker_pool.h"

namespace capstan::serving {

// Dropped before its end, it cancels the generation at the next token.
class Generation {
public:
    // kExhausted when the pool has no room. `model` outlives the pool.
    static Result<std::unique_ptr<Generation>> start(
        http::WorkerPool& pool, llm::ModelClient& model, llm::GenerateRequest request
    );
    ~Generation();

    // Waits for the next piece of text; nothing at the end, and when it failed.
    std::optional<std::string> next();
    // After the end: what became of it.
    const Result<llm::GenerateResult>& result() const;

private:
    // What the two threads share; the slower of them frees it.
    struct Pipe {
        std::mutex mutex;  // Guards all below.
        std::condition_variable changed;
        std::deque<std::string> pieces;
        std::optional<Result<llm::GenerateResult>> result;
        bool is_cancelled = false;
    };

    explicit Generation(std::shared_ptr<Pipe> pipe) : pipe_(std::move(pipe)) {}

    static bool push(Pipe& pipe, std::string_view piece);

    std::shared_ptr<Pipe> pipe_;
};

}  // namespace capstan::serving
