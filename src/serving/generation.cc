#include "serving/generation.h"

#include <utility>

#include "base/check.h"

namespace capstan::serving {
namespace {

// Pieces that wait for a slow reader; the model waits with them.
constexpr std::size_t kPiecesWaitingMax = 256;

}  // namespace

Result<std::unique_ptr<Generation>> Generation::start(
    http::WorkerPool& pool, llm::ModelClient& model, llm::GenerateRequest request
) {
    auto pipe = std::make_shared<Pipe>();
    http::WorkerPool::Work work = [pipe, &model, request = std::move(request)] {
        auto result = model.generate(request, [&](std::string_view piece) { return push(*pipe, piece); });
        const std::scoped_lock lock(pipe->mutex);
        pipe->result = std::move(result);
        pipe->changed.notify_all();
    };
    if (!pool.submit(std::move(work))) {
        return Error{ErrorCode::kExhausted, "the engine has as many calls as it takes; retry later"};
    }
    return std::unique_ptr<Generation>(new Generation(std::move(pipe)));
}

Generation::~Generation() {
    const std::scoped_lock lock(pipe_->mutex);
    pipe_->is_cancelled = true;
    pipe_->changed.notify_all();
}

bool Generation::push(Pipe& pipe, std::string_view piece) {
    std::unique_lock lock(pipe.mutex);
    pipe.changed.wait(lock, [&] { return pipe.is_cancelled || pipe.pieces.size() < kPiecesWaitingMax; });
    if (pipe.is_cancelled) {
        return false;
    }
    pipe.pieces.emplace_back(piece);
    pipe.changed.notify_all();
    return true;
}

std::optional<std::string> Generation::next() {
    std::unique_lock lock(pipe_->mutex);
    pipe_->changed.wait(lock, [&] { return pipe_->result.has_value() || !pipe_->pieces.empty(); });
    if (pipe_->pieces.empty()) {
        return std::nullopt;
    }
    std::string piece = std::move(pipe_->pieces.front());
    pipe_->pieces.pop_front();
    pipe_->changed.notify_all();
    return piece;
}

const Result<llm::GenerateResult>& Generation::result() const {
    const std::scoped_lock lock(pipe_->mutex);
    CHECK(pipe_->result.has_value(), "asked for the result of a generation that runs");
    return *pipe_->result;
}

}  // namespace capstan::serving
