#include "platform/http/transport.h"

#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <poll.h>
#include <sys/socket.h>

namespace capstan::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kPartsMax = 4;
constexpr std::int64_t kGonePollMs = 200;

Error broken(const error_code& failure) {
    if (failure == asio::error::operation_aborted) {
        return {ErrorCode::kCancelled, "the connection was cancelled or ran out of time"};
    }
    return {ErrorCode::kUnavailable, "the connection broke: " + failure.message()};
}

bool is_end(const error_code& failure) {
    return failure == asio::error::eof || failure == asio::ssl::error::stream_truncated;
}

template <typename Stream>
class StreamTransport : public Transport {
public:
    template <typename... Arguments>
    explicit StreamTransport(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

    Task<Result<void>> handshake() override { co_return Result<void>(); }

    Task<Result<std::size_t>> read_some(std::span<char> into) override {
        error_code failure;
        const std::size_t bytes = co_await stream_.async_read_some(
            asio::buffer(into.data(), into.size()), asio::redirect_error(asio::use_awaitable, failure)
        );
        if (failure && !is_end(failure)) {
            co_return broken(failure);
        }
        co_return failure ? 0 : bytes;
    }

    Task<Result<void>> write(std::span<const std::string_view> parts) override {
        std::array<asio::const_buffer, kPartsMax> buffers;
        for (std::size_t i = 0; i < parts.size() && i < kPartsMax; ++i) {
            buffers[i] = asio::const_buffer(parts[i].data(), parts[i].size());
        }
        error_code failure;
        co_await asio::async_write(stream_, buffers, asio::redirect_error(asio::use_awaitable, failure));
        if (failure) {
            co_return broken(failure);
        }
        co_return Result<void>();
    }

    Task<void> end() override {
        error_code ignored;  // The peer may be gone already.
        socket().shutdown(tcp::socket::shutdown_send, ignored);
        co_return;
    }

    tcp::socket& socket() override {
        if constexpr (std::is_same_v<Stream, tcp::socket>) {
            return stream_;
        } else {
            return stream_.next_layer();
        }
    }

protected:
    Stream stream_;
};

using PlainTransport = StreamTransport<tcp::socket>;

class TlsTransport final : public StreamTransport<asio::ssl::stream<tcp::socket>> {
public:
    TlsTransport(tcp::socket socket, asio::ssl::context& tls, asio::ssl::stream_base::handshake_type side)
        : StreamTransport(std::move(socket), tls), side_(side) {}

    // kUnavailable, with the reason, when the peer's certificate is not for `host`.
    Result<void> expect(const PeerName& peer) {
        error_code failure;
        if (!SSL_set_tlsext_host_name(stream_.native_handle(), peer.host.c_str())) {
            return Error{ErrorCode::kInvalid, "'" + peer.host + "' is no host name for TLS"};
        }
        if (peer.verify_peer) {
            stream_.set_verify_callback(asio::ssl::host_name_verification(peer.host), failure);
        }
        if (failure) {
            return broken(failure);
        }
        return {};
    }

    Task<Result<void>> handshake() override {
        error_code failure;
        co_await stream_.async_handshake(side_, asio::redirect_error(asio::use_awaitable, failure));
        if (failure) {
            co_return with_context("TLS", broken(failure));
        }
        co_return Result<void>();
    }

    Task<void> end() override {
        error_code ignored;
        co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    }

private:
    asio::ssl::stream_base::handshake_type side_;
};

}  // namespace

void Transport::cancel() {
    is_cancelled_ = true;
    error_code ignored;
    socket().cancel(ignored);
}

void Transport::close() {
    is_cancelled_ = true;
    error_code ignored;
    socket().close(ignored);
}

bool Transport::is_peer_gone() {
    if (!socket().is_open()) {
        return true;
    }
    pollfd state{.fd = socket().native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&state, 1, 0) != 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

bool Transport::is_quiet() {
    pollfd state{.fd = socket().native_handle(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return socket().is_open() && ::poll(&state, 1, 0) == 0;
}

Task<void> Transport::wait_until_gone() {
    is_cancelled_ = false;
    while (!is_peer_gone()) {
        error_code failure;
        co_await socket().async_wait(
            tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, failure)
        );
        if (is_cancelled_ || is_peer_gone() || co_await http::is_cancelled()) {
            co_return;
        }
        // Bytes of a next request wait. They stay where they are, so from here on only asking again helps.
        if (!co_await sleep_for(kGonePollMs) || is_cancelled_) {
            co_return;
        }
    }
}

std::unique_ptr<Transport> make_server_transport(tcp::socket socket, asio::ssl::context* tls) {
    if (!tls) {
        return std::make_unique<PlainTransport>(std::move(socket));
    }
    return std::make_unique<TlsTransport>(std::move(socket), *tls, asio::ssl::stream_base::server);
}

Result<std::unique_ptr<Transport>> make_client_transport(
    tcp::socket socket, asio::ssl::context* tls, const PeerName& peer
) {
    if (!tls) {
        return std::make_unique<PlainTransport>(std::move(socket));
    }
    auto transport = std::make_unique<TlsTransport>(std::move(socket), *tls, asio::ssl::stream_base::client);
    const Result<void> expected = transport->expect(peer);
    if (!expected) {
        return expected.error();
    }
    return transport;
}

}  // namespace capstan::http
