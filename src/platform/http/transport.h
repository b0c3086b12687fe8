#pragma once

// A TCP connection, plain or TLS, as the server and the client both use it: Asio's streams behind one type,
// so that what is above is compiled once.
//
// One read and one write may be under way at a time. Everything happens on the coroutine's executor.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.h"
#include "platform/http/task.h"

namespace boost::asio::ssl {
class context;
}

namespace capstan::http {

class Transport {
public:
    virtual ~Transport() = default;

    // TLS only; nothing to do for a plain connection.
    virtual Task<Result<void>> handshake() = 0;
    // Bytes read into the front of `into`; 0 when the peer has ended its side. kCancelled after cancel(),
    // kUnavailable when the connection broke.
    virtual Task<Result<std::size_t>> read_some(std::span<char> into) = 0;
    // Writes all of `parts`, at most four.
    virtual Task<Result<void>> write(std::span<const std::string_view> parts) = 0;
    // Tells the peer that nothing more comes.
    virtual Task<void> end() = 0;
    virtual boost::asio::ip::tcp::socket& socket() = 0;

    // Ends what is under way with kCancelled. The connection stays.
    void cancel();
    void close();
    // Returns when the peer closed or broke the connection, also while bytes of it wait unread, or after
    // cancel(), or when the coroutine is cancelled.
    Task<void> wait_until_gone();
    bool is_peer_gone();
    // Open, and nothing has arrived that nobody read: a connection kept for later should be so.
    bool is_quiet();

private:
    bool is_cancelled_ = false;  // By cancel(), since wait_until_gone began.
};

std::unique_ptr<Transport> make_server_transport(
    boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls
);

// With TLS, the certificate must be for `host` unless `verify_peer` is off.
struct PeerName {
    std::string host;
    bool verify_peer = true;
};

Result<std::unique_ptr<Transport>> make_client_transport(
    boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls, const PeerName& peer
);

}  // namespace capstan::http
