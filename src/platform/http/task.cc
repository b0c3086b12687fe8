#include "platform/http/task.h"

#include <chrono>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

namespace capstan::http {

namespace asio = boost::asio;

struct IoThreads::State {
    explicit State(int count) : context(count), work(asio::make_work_guard(context)) {
        for (int i = 0; i < count; ++i) {
            threads.emplace_back([this] { context.run(); });
        }
    }

    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::vector<std::thread> threads;
};

IoThreads::IoThreads(int count) : state_(std::make_unique<State>(count)) {}

IoThreads::~IoThreads() {
    stop();
}

void IoThreads::stop() {
    state_->context.stop();
    for (std::thread& thread : state_->threads) {
        thread.join();
    }
    state_->threads.clear();
}

asio::io_context& context_of(IoThreads& threads) {
    return threads.state().context;
}

namespace {

Task<void> without_exceptions_at_cancellation(Task<void> task) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await std::move(task);
}

}  // namespace

void spawn(IoThreads& threads, Task<void> task) {
    const auto strand = asio::make_strand(context_of(threads));
    asio::co_spawn(strand, without_exceptions_at_cancellation(std::move(task)), asio::detached);
}

Task<bool> is_cancelled() {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

Task<Result<void>> sleep_for(std::int64_t wait_ms) {
    if (!co_await is_cancelled()) {
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(wait_ms));
        boost::system::error_code failure;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    }
    if (co_await is_cancelled()) {
        co_return Error{ErrorCode::kCancelled, "cancelled while waiting"};
    }
    co_return Result<void>();
}

}  // namespace capstan::http
