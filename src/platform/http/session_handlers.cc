// How a session has a request answered: by a worker, by a coroutine, or by a blocking handler that sends
// events.

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>

#include "base/log.h"
#include "platform/http/gzip.h"
#include "platform/http/json_reply.h"
#include "platform/http/session.h"
#include "platform/http/stream.h"

namespace capstan::http {

namespace asio = boost::asio;
using asio::experimental::awaitable_operators::operator||;

namespace {

Error gone() {
    return {ErrorCode::kCancelled, "the client is gone"};
}

// A handler should not throw; what its libraries throw all the same must not end the server.
template <typename F>
auto without_exceptions(F call) -> Result<decltype(call())> {
    try {
        return call();
    } catch (const std::exception& failure) {
        return Error{ErrorCode::kInternal, std::string("a handler threw: ") + failure.what()};
    }
}

// Undoes the request's Content-Encoding.
std::optional<Response> unpack(Exchange& exchange) {
    const std::string* encoding = exchange.request.headers.find("Content-Encoding");
    const bool is_plain = !encoding || same_name(*encoding, "identity") || exchange.request.body_file;
    if (is_plain) {
        return std::nullopt;
    }
    if (!same_name(*encoding, "gzip")) {
        return Response{
            .status = 415, .error = Error{ErrorCode::kInvalid, "the only Content-Encoding understood is gzip"}
        };
    }
    Result<std::string> body = gunzip(exchange.request.body, exchange.route->options.body_bytes_max);
    if (!body) {
        return reply(body.error());
    }
    exchange.request.body = std::move(*body);
    return std::nullopt;
}

Headers event_stream_headers() {
    return {
        {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}
    };
}

}  // namespace

Result<void> authenticate(Exchange& exchange) {
    Result<Principal> principal = exchange.router->authenticate(exchange.request, *exchange.route);
    if (!principal) {
        return principal.error();
    }
    exchange.request.principal = std::move(*principal);
    exchange.is_authenticated = true;
    return {};
}

Outgoing handle(Exchange& exchange) {
    const LogRequestScope scope(exchange.request.request_id);
    const Request& request = exchange.request;
    if (!exchange.route) {
        Result<Response> response =
            without_exceptions([&] { return exchange.router->otherwise()(exchange.request); });
        return prepare(request, response ? std::move(*response) : reply(response.error()));
    }
    if (!exchange.is_authenticated) {
        const Result<void> known = authenticate(exchange);
        if (!known) {
            return prepare(request, reply(known.error()));
        }
    }
    if (std::optional<Response> refused = unpack(exchange)) {
        return prepare(request, std::move(*refused));
    }
    Result<Response> response = without_exceptions([&] { return exchange.route->handler(exchange.request); });
    return prepare(request, response ? std::move(*response) : reply(response.error()));
}

Task<void> Session::run_handler(Exchange& exchange) {
    // That the process lives, and what it counts, is answered also when all workers are busy.
    if (exchange.router == &core_.built_in && exchange.request.pattern != "/readyz") {
        co_return co_await write_out(exchange, handle(exchange));
    }
    Result<Outgoing> out = co_await run_blocking(core_.workers, [&] { return handle(exchange); });
    if (!out) {
        core_.metrics.refused();
        co_return co_await send(exchange, reply(out.error()));
    }
    co_await write_out(exchange, std::move(*out));
}

class CoroutineWriter final : public StreamWriter {
public:
    CoroutineWriter(Session& session, Exchange& exchange) : session_(session), exchange_(exchange) {}

    Task<Result<void>> start(int status, Headers headers) override {
        if (is_answered_ || is_cancelled()) {
            co_return is_answered_ ? Error{ErrorCode::kInternal, "an answer was begun already"} : gone();
        }
        is_answered_ = true;
        is_started_ = true;
        co_return co_await session_.start_stream(exchange_, status, headers);
    }

    Task<Result<void>> write(std::string_view bytes) override {
        if (!is_started_ || is_cancelled()) {
            co_return is_started_ ? gone()
                                  : Error{ErrorCode::kInternal, "a stream is written before its start"};
        }
        co_return co_await session_.write_chunk(exchange_, bytes);
    }

    Task<Result<void>> respond(Response response) override {
        if (is_answered_ || is_cancelled()) {
            co_return is_answered_ ? Error{ErrorCode::kInternal, "an answer was begun already"} : gone();
        }
        is_answered_ = true;
        const auto make = [&] { return prepare(exchange_.request, std::move(response)); };
        Result<Outgoing> out = co_await run_patiently(session_.core_.workers, make);
        if (!out) {
            co_return out.error();
        }
        co_await session_.write_out(exchange_, std::move(*out));
        co_return is_cancelled() ? Result<void>(gone()) : Result<void>();
    }

    bool is_started() const override { return is_started_; }

    bool is_answered() const { return is_answered_; }

    bool is_cancelled() const override { return session_.is_gone_; }

    WorkerPool& workers() override { return session_.core_.workers; }

private:
    Session& session_;
    Exchange& exchange_;
    bool is_answered_ = false;
    bool is_started_ = false;
};

// The blocking handler's end is on its own thread; each send is a short coroutine on the connection's strand.
class BlockingSink final : public EventSink {
public:
    BlockingSink(Session& session, Exchange& exchange) : session_(session), exchange_(exchange) {}

    Result<void> send(const SseEvent& event) override { return write(encode_sse(event)); }

    Result<void> send_heartbeat() override { return write(":\n\n"); }

    bool is_cancelled() const override {
        const std::scoped_lock lock(mutex_);
        return is_cancelled_;
    }

    bool wait(std::int64_t wait_ms) override {
        std::unique_lock lock(mutex_);
        return !changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return is_cancelled_; });
    }

    void cancel() {
        const std::scoped_lock lock(mutex_);
        is_cancelled_ = true;
        changed_.notify_all();
    }

    // On the strand, when the handler has returned.
    Task<void> finish(const Result<void>& outcome) {
        if (!outcome && !is_started_) {
            co_return co_await session_.send(exchange_, reply(outcome.error()));
        }
        if (!outcome && outcome.error().code != ErrorCode::kCancelled) {
            const std::string body = error_body(outcome.error(), exchange_.request.request_id);
            (void)co_await write_on_strand(encode_sse({.data = body, .event = "error"}));
        } else if (!is_started_) {
            (void)co_await write_on_strand({});
        }
        co_await session_.finish_stream(exchange_);
    }

private:
    Result<void> write(const std::string& text) {
        if (is_cancelled()) {
            return gone();
        }
        auto& socket = session_.transport_->socket();
        return asio::co_spawn(socket.get_executor(), write_on_strand(text), asio::use_future).get();
    }

    Task<Result<void>> write_on_strand(std::string_view text) {
        if (!is_started_) {
            is_started_ = true;
            const Result<void> started =
                co_await session_.start_stream(exchange_, 200, event_stream_headers());
            if (!started) {
                co_return started;
            }
        }
        co_return co_await session_.write_chunk(exchange_, text);
    }

    Session& session_;
    Exchange& exchange_;
    bool is_started_ = false;   // On the strand.
    mutable std::mutex mutex_;  // Guards is_cancelled_.
    std::condition_variable changed_;
    bool is_cancelled_ = false;
};

Task<void> Session::watch(BlockingSink* sink) {
    co_await asio::this_coro::throw_if_cancelled(false);
    if (!is_gone_) {
        co_await transport_->wait_until_gone();
    }
    if (co_await is_cancelled()) {
        co_return;  // The answer is complete.
    }
    is_gone_ = true;
    transport_->cancel();
    if (sink) {
        sink->cancel();
    }
}

namespace {

Task<void> call_stream(const Exchange& exchange, StreamWriter& writer, std::string& failure) {
    co_await asio::this_coro::throw_if_cancelled(false);
    try {
        co_await exchange.route->stream->handler(exchange.request, writer);
    } catch (const std::exception& thrown) {
        failure = std::string("a handler threw: ") + thrown.what();
    }
}

Task<Result<Result<void>>> call_events(WorkerPool& pool, Exchange& exchange, EventSink& sink) {
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto work = [&]() -> Result<void> {
        const LogRequestScope scope(exchange.request.request_id);
        const Result<void> known = exchange.is_authenticated ? Result<void>() : authenticate(exchange);
        if (!known) {
            return known;
        }
        const auto done = without_exceptions([&] { return exchange.route->events(exchange.request, sink); });
        return done ? *done : Result<void>(done.error());
    };
    co_return co_await run_blocking(pool, work);
}

}  // namespace

Task<void> Session::run_stream(Exchange& exchange) {
    CoroutineWriter writer(*this, exchange);
    std::string failure;
    co_await (call_stream(exchange, writer, failure) || watch(nullptr));
    if (!failure.empty()) {
        log_error("a stream broke off", {{"path", exchange.request.path}, {"error", failure}});
        exchange.can_keep_alive = false;
        is_gone_ = is_gone_ || writer.is_started();
    }
    if (is_gone_) {
        co_return;
    }
    if (writer.is_started()) {
        co_await finish_stream(exchange);
    } else if (!writer.is_answered()) {
        co_await send(exchange, reply(Error{ErrorCode::kInternal, "a handler gave no answer; " + failure}));
    }
}

Task<void> Session::run_events(Exchange& exchange) {
    if (exchange.request.method == "HEAD") {
        co_return co_await send(exchange, {.content_type = "text/event-stream"});
    }
    BlockingSink sink(*this, exchange);
    Result<Result<void>> outcome = Error{ErrorCode::kInternal, "not run"};
    const auto run = [&]() -> Task<void> {
        outcome = co_await call_events(core_.event_workers, exchange, sink);
    };
    co_await (run() || watch(&sink));
    if (!outcome) {
        core_.metrics.refused();
    }
    if (!is_gone_) {
        co_await sink.finish(outcome ? *outcome : Result<void>(outcome.error()));
    }
}

void add_stream(Router& router, Route route, StreamHandler handler) {
    route.stream = std::make_shared<const StreamRoute>(std::move(handler));
    router.add(std::move(route));
}

}  // namespace capstan::http
