#include "platform/http/signal.h"

#include <atomic>
#include <chrono>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace capstan::http {

namespace asio = boost::asio;

struct Signal::State {
    explicit State(const asio::any_io_executor& on) : executor(on), timer(on) {}

    asio::any_io_executor executor;  // The coroutine's: only there the timer is touched.
    asio::steady_timer timer;
    std::atomic<bool> is_set = false;
};

Task<Signal> Signal::here() {
    co_return Signal(std::make_shared<State>(co_await asio::this_coro::executor));
}

void Signal::notify() const {
    if (!state_->is_set.exchange(true)) {
        asio::post(state_->executor, [state = state_] { state->timer.cancel(); });
    }
}

Task<Result<void>> Signal::wait(std::int64_t wait_ms) const {
    const auto state = state_;
    if (!co_await is_cancelled() && !state->is_set) {
        // A notify() from here on is posted behind this wait, so it finds the timer waiting.
        state->timer.expires_after(std::chrono::milliseconds(wait_ms));
        boost::system::error_code failure;
        co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    }
    state->is_set = false;
    if (co_await is_cancelled()) {
        co_return Error{ErrorCode::kCancelled, "cancelled while waiting"};
    }
    co_return Result<void>();
}

}  // namespace capstan::http
