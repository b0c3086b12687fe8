#pragma once

// Coroutines on I/O threads: the one header through which the gateway meets Boost.
//
// A coroutine must not block: blocking work goes through run_blocking. When its client goes away, whatever
// our awaitables here wait for ends early with kCancelled; return soon after.

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"
#include "platform/http/io_threads.h"
#include "platform/http/worker_pool.h"

namespace capstan::http {

template <typename T>
using Task = boost::asio::awaitable<T>;

boost::asio::io_context& context_of(IoThreads& threads);

// Starts `task` on the threads, by itself; it ends when it returns or when the threads stop.
void spawn(IoThreads& threads, Task<void> task);

// Whether the coroutine that asks was cancelled: its client is gone.
Task<bool> is_cancelled();

// kCancelled when the coroutine was cancelled before or while it waited.
Task<Result<void>> sleep_for(std::int64_t wait_ms);

// The value of fn() (not void, and not throwing), computed on a worker; kUnavailable when the pool is full.
// The coroutine waits until fn returned, even when it is cancelled meanwhile, so fn may refer to what the
// caller owns.
template <typename F>
Task<Result<std::invoke_result_t<F&>>> run_blocking(WorkerPool& pool, F fn) {
    using T = std::invoke_result_t<F&>;
    std::optional<T> value;
    bool is_refused = false;
    auto start = [&](auto handler) {
        const auto executor = boost::asio::get_associated_executor(handler);
        WorkerPool::Work work([&value, &is_refused, &fn, executor, handler = std::move(handler)]() mutable {
            if (!is_refused) {
                value.emplace(fn());
            }
            boost::asio::post(executor, std::move(handler));
        });
        if (!pool.submit(std::move(work))) {  // Refused, it is still ours: completes the wait, without fn.
            is_refused = true;
            boost::asio::post(executor, std::move(work));  // NOLINT(bugprone-use-after-move)
        }
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        start, boost::asio::use_awaitable
    );
    if (is_refused) {
        co_return Error{ErrorCode::kUnavailable, "all workers are busy and their queue is full; retry later"};
    }
    co_return std::move(*value);
}

}  // namespace capstan::http
