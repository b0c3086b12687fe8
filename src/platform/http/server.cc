#include "platform/http/server.h"

#include <chrono>
#include <future>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "platform/http/server_core.h"
#include "platform/http/session.h"
#include "platform/http/task.h"
#include "platform/http/transport.h"

namespace capstan::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kTick = std::chrono::milliseconds(50);  // How exactly limits of time are kept.
constexpr std::int64_t kAcceptPauseMs = 100;  // After a failed accept: mostly no descriptors are left.

Result<std::unique_ptr<asio::ssl::context>> make_tls(const TlsFiles& files) {
    auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
    error_code failure;
    tls->use_certificate_chain_file(files.certificate.string(), failure);
    if (failure) {
        return Error{
            ErrorCode::kInvalid, "TLS certificate " + files.certificate.string() + ": " + failure.message()
        };
    }
    tls->use_private_key_file(files.key.string(), asio::ssl::context::pem, failure);
    if (failure) {
        return Error{ErrorCode::kInvalid, "TLS key " + files.key.string() + ": " + failure.message()};
    }
    return tls;
}

Result<tcp::acceptor> listen(asio::io_context& context, const std::string& address, std::uint16_t port) {
    error_code failure;
    const auto parsed = asio::ip::make_address(address, failure);
    if (failure) {
        return Error{ErrorCode::kInvalid, "'" + address + "' is not an IP address to listen on"};
    }
    const tcp::endpoint endpoint(parsed, port);
    tcp::acceptor acceptor(asio::make_strand(context));
    acceptor.open(endpoint.protocol(), failure);
    if (!failure) {
        acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
        acceptor.bind(endpoint, failure);
    }
    if (!failure) {
        acceptor.listen(asio::socket_base::max_listen_connections, failure);
    }
    if (failure) {
        const bool is_taken = failure == asio::error::address_in_use;
        return Error{
            is_taken ? ErrorCode::kConflict : ErrorCode::kUnavailable,
            fmt::format("cannot listen on {}:{}: {}", address, port, failure.message())
        };
    }
    return acceptor;
}

}  // namespace

struct Server::State {
    State(ServerOptions options, const Router& router, std::unique_ptr<IoThreads> own, IoThreads& io)
        : own_threads(std::move(own)),
          core(std::move(options), router, io),
          acceptor(context_of(io)),
          tick(asio::make_strand(context_of(io))) {}

    Task<void> accept();
    Task<void> watch_deadlines();
    void take(tcp::socket socket);
    void close_acceptor();

    std::unique_ptr<IoThreads> own_threads;
    ServerCore core;
    std::unique_ptr<asio::ssl::context> tls;
    tcp::acceptor acceptor;
    asio::steady_timer tick;
    tcp::endpoint endpoint;
    std::atomic<bool> is_closed = false;
    bool is_stopped = false;
    std::future<void> accepting;
    std::future<void> watching;
};

Task<void> Server::State::accept() {
    while (!is_closed) {
        error_code failure;
        tcp::socket socket = co_await acceptor.async_accept(
            asio::make_strand(context_of(core.io)), asio::redirect_error(asio::use_awaitable, failure)
        );
        if (is_closed) {
            co_return;
        }
        if (failure) {
            log_warning("cannot accept a connection", {{"error", failure.message()}});
            (void)co_await sleep_for(kAcceptPauseMs);
        } else if (core.count() < core.options.limits.connections_max) {
            take(std::move(socket));
        }
    }
}

void Server::State::take(tcp::socket socket) {
    error_code failure;
    const tcp::endpoint peer = socket.remote_endpoint(failure);
    if (failure) {
        return;  // It is gone already.
    }
    socket.set_option(tcp::no_delay(true), failure);
    socket.set_option(asio::socket_base::keep_alive(true), failure);
    if (core.options.limits.send_buffer_bytes > 0) {
        socket.set_option(
            asio::socket_base::send_buffer_size(core.options.limits.send_buffer_bytes), failure
        );
    }
    const auto executor = socket.get_executor();
    auto session = std::make_shared<Session>(
        core, make_server_transport(std::move(socket), tls.get()), peer.address().to_string()
    );
    core.add(session.get(), session);
    Task<void> run = session->run();
    asio::co_spawn(executor, std::move(run), [session](const std::exception_ptr& failed) {
        if (failed) {
            log_error("a connection ended by an exception");
        }
    });
}

Task<void> Server::State::watch_deadlines() {
    while (!is_closed || core.count() > 0) {
        error_code ignored;
        tick.expires_after(kTick);
        co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        const std::int64_t now_ms = monotonic_now_ms();
        core.for_each([now_ms](const std::shared_ptr<Session>& session) { session->expire_if_late(now_ms); });
    }
}

void Server::State::close_acceptor() {
    if (is_closed.exchange(true)) {
        return;
    }
    // To its end, so that nothing of it is left when the acceptor is destroyed; so below.
    const auto close = [this] {
        error_code ignored;
        acceptor.close(ignored);
    };
    asio::post(acceptor.get_executor(), asio::use_future(close)).wait();
    accepting.wait();
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
    stop();
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, const Router& router) {
    std::unique_ptr<asio::ssl::context> tls;
    if (options.tls) {
        auto made = make_tls(*options.tls);
        if (!made) {
            return made.error();
        }
        tls = std::move(*made);
    }
    std::unique_ptr<IoThreads> own = options.io ? nullptr : std::make_unique<IoThreads>();
    IoThreads& io = options.io ? *options.io : *own;
    Result<tcp::acceptor> acceptor = listen(context_of(io), options.address, options.port);
    if (!acceptor) {
        return acceptor.error();
    }
    auto state = std::make_unique<State>(std::move(options), router, std::move(own), io);
    state->tls = std::move(tls);
    state->acceptor = std::move(*acceptor);
    error_code ignored;
    state->endpoint = state->acceptor.local_endpoint(ignored);
    state->accepting = asio::co_spawn(state->acceptor.get_executor(), state->accept(), asio::use_future);
    state->watching = asio::co_spawn(state->tick.get_executor(), state->watch_deadlines(), asio::use_future);
    return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::uint16_t Server::port() const {
    return state_->endpoint.port();
}

std::string Server::url() const {
    const auto address = state_->endpoint.address();
    const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
    return fmt::format("{}://{}:{}", state_->tls ? "https" : "http", host, port());
}

bool Server::drain(std::int64_t deadline_ms) {
    state_->core.is_draining = true;
    state_->close_acceptor();
    state_->core.for_each([](const std::shared_ptr<Session>& session) { session->drain(); });
    const bool is_empty = state_->core.wait_until_empty(deadline_ms);
    stop();
    return is_empty;
}

void Server::stop() {
    if (std::exchange(state_->is_stopped, true)) {
        return;
    }
    state_->core.is_draining = true;
    state_->close_acceptor();
    state_->core.for_each([](const std::shared_ptr<Session>& session) { session->stop(); });
    (void)state_->core.wait_until_empty(-1);
    asio::post(state_->tick.get_executor(), asio::use_future([this] { state_->tick.cancel(); })).wait();
    state_->watching.wait();
    state_->core.event_workers.stop();
    state_->core.workers.stop();
}

}  // namespace capstan::http
