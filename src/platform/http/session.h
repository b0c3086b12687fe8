#pragma once

// One connection of the server: reads a request, has it answered, writes the answer, and again.
//
// All members are touched on the connection's strand only, but for the atomic ones.

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/http/message.h"
#include "platform/http/outgoing.h"
#include "platform/http/router.h"
#include "platform/http/server_core.h"
#include "platform/http/task.h"
#include "platform/http/transport.h"
#include "platform/http/wire.h"

namespace capstan::http {

// One request and the way to its answer.
struct Exchange {
    explicit Exchange(RequestReader head) : reader(std::move(head)) {}

    RequestReader reader;
    Request request;
    const Router* router = nullptr;  // The one that knows the route: it authenticates.
    const Route* route = nullptr;    // None: Router::otherwise.
    bool is_authenticated = false;
    bool can_keep_alive = false;
    bool is_body_refused =
        false;  // Reading the request's body failed: the rest of it cannot be told from a request.
    bool is_chunked = false;  // The answer.
    int status = 0;           // Once the answer's head is written.
    std::uint64_t bytes_sent = 0;
    std::int64_t started_us = 0;
};

class BlockingSink;

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(ServerCore& core, std::unique_ptr<Transport> transport, std::string remote_address);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Serves the connection to its end. The caller keeps the session alive.
    Task<void> run();

    // On any thread: cancels what waits for the peer when its time is over.
    void expire_if_late(std::int64_t now_ms);
    // Closes the connection when it waits for a request; a running one is answered and is the last.
    void drain();
    // Closes the connection and cancels its stream.
    void stop();

private:
    friend class CoroutineWriter;
    friend class BlockingSink;

    // From the limits: how long the next wait may take. 0: no limit.
    void arm(std::int64_t wait_ms);
    Task<Result<void>> fill();

    // A status of 0: the peer is gone, or quiet between two requests.
    Task<std::expected<void, WireError>> read_head(RequestReader& reader);
    Task<std::expected<void, WireError>> read_body(Exchange& exchange);
    Task<std::expected<void, WireError>> receive(
        Exchange& exchange, std::string& into, std::uint64_t bytes_max
    );
    Task<void> discard_body(Exchange& exchange);

    Task<bool> serve_one();
    Task<void> respond(Exchange& exchange);
    // Finds the route; an answer when there is none.
    std::optional<Response> route(Exchange& exchange);
    std::optional<Response> answer_without_route(Exchange& exchange, const Router::Match& match) const;
    // Authenticates and reads the body; an answer when the request is refused.
    Task<std::optional<Response>> admit(Exchange& exchange);

    Task<void> run_handler(Exchange& exchange);
    Task<void> run_stream(Exchange& exchange);
    Task<void> run_events(Exchange& exchange);

    Task<void> send(Exchange& exchange, Response response);
    Task<void> write_out(Exchange& exchange, Outgoing out);
    Task<Result<void>> write_head(Exchange& exchange, std::string head, std::string_view body);
    Task<Result<void>> write_bytes(Exchange& exchange, std::string_view bytes);
    Task<Result<void>> write_chunk(Exchange& exchange, std::string_view bytes);
    Task<Result<void>> write_file(Exchange& exchange, Outgoing& out);
    Task<Result<void>> write_source(Exchange& exchange, const BodySource& source);
    Task<Result<void>> write_parts(std::span<const std::string_view> parts);
    Task<Result<void>> start_stream(Exchange& exchange, int status, const Headers& headers);
    Task<void> finish_stream(Exchange& exchange);
    // Ends when the peer is gone, having said so to `sink`, or when the answer is complete.
    Task<void> watch(BlockingSink* sink);
    Task<void> linger();
    void log_access(const Exchange& exchange) const;

    ServerCore& core_;
    std::unique_ptr<Transport> transport_;
    std::string remote_address_;
    std::string buffer_;  // Read, not yet taken by a reader.
    std::array<char, 16384> piece_;
    std::atomic<std::int64_t> deadline_ms_ = 0;  // Of the wait under way, on the monotonic clock; 0: none.
    bool is_expired_ = false;                    // The last wait took too long.
    bool is_idle_ = true;                        // Between two requests.
    bool is_gone_ = false;                       // The peer, or the server wants it gone.
    bool has_unread_ = false;                    // The peer may still be sending what nobody will read.
};

// run_blocking for what has begun and must go on: when no worker is free it asks again, for a while.
template <typename F>
Task<Result<std::invoke_result_t<F&>>> run_patiently(WorkerPool& pool, F fn) {
    constexpr int kTriesMax = 500;
    constexpr std::int64_t kPauseMs = 20;
    for (int i = 1; i < kTriesMax; ++i) {
        auto done = co_await run_blocking(pool, fn);
        if (done || !co_await sleep_for(kPauseMs)) {
            co_return done;
        }
    }
    co_return co_await run_blocking(pool, fn);
}

// What a worker does for one request: authenticates unless that is done, calls the handler, prepares its
// answer.
Outgoing handle(Exchange& exchange);
Result<void> authenticate(Exchange& exchange);

}  // namespace capstan::http
