#pragma once

// The client's half of one connection, and the connections that wait for their next request. The blocking
// client and the one for coroutines are both made of these.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "platform/http/client.h"
#include "platform/http/task.h"
#include "platform/http/transport.h"
#include "platform/http/wire.h"

namespace capstan::http {

class ClientConnection;

// What all requests of one client share. Thread-safe.
class ClientCore {
public:
    explicit ClientCore(ClientOptions options);
    ~ClientCore();

    const ClientOptions options;

    // For https; kInvalid when the CA file cannot be read.
    Result<boost::asio::ssl::context*> tls();

    // A connection to that place which is still good, or nullptr.
    std::shared_ptr<ClientConnection> take(const Url& url);
    // Keeps the connection for a later request, or closes it.
    void give_back(std::shared_ptr<ClientConnection> connection);

private:
    struct Idle {
        std::shared_ptr<ClientConnection> connection;
        std::int64_t since_ms;
    };

    std::mutex mutex_;  // Guards all below.
    std::unique_ptr<boost::asio::ssl::context> tls_;
    std::optional<Error> tls_failure_;
    std::vector<Idle> idle_;
};

// One request at a time, used by one coroutine at a time. Shared by that user and, weakly, by its alarm.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
public:
    // Without `context` it brings its own, for a caller that runs it itself.
    ClientConnection(ClientCore& core, Url url, boost::asio::io_context* context);

    // Connects unless connected, sends the request, and reads the head of its response.
    Task<Result<void>> start(const ClientRequest& request, const Url& url);

    // The response to the last start().
    ResponseHead& head() { return reader_->head(); }

    // The next piece of the body, or "" at its end.
    Task<Result<std::string>> read();
    Task<Result<std::string>> read_all();

    boost::asio::io_context& context() { return context_; }

    bool is_to(const Url& url) const;
    // Whether the last exchange ended so that another may follow.
    bool is_reusable();
    // Whether a failed start() may be tried again on another connection: this one had been used before and
    // nothing came back, and the method may be repeated.
    bool may_retry(const ClientRequest& request) const;

private:
    Task<Result<void>> connect();
    Task<Result<void>> send(const ClientRequest& request, const Url& url);
    Task<Result<void>> send_file(const std::filesystem::path& path, std::uint64_t bytes);
    Task<Result<void>> write(std::string_view head, std::string_view body);
    Task<Result<void>> read_head();
    Task<Result<bool>> fill();  // False at the connection's end.
    Result<void> feed(std::string& body);

    // Starts the alarm for one wait of up to `wait_ms`, or what is left of the whole; kCancelled when nothing
    // is.
    Task<Result<void>> arm(std::int64_t wait_ms);
    void disarm();
    void abort();
    Error explain(Error error) const;

    std::unique_ptr<boost::asio::io_context> own_context_;
    boost::asio::io_context& context_;
    ClientCore& core_;
    Url url_;
    ClientLimits limits_;
    boost::asio::steady_timer alarm_;
    std::optional<boost::asio::ip::tcp::socket> connecting_;
    std::unique_ptr<Transport> transport_;
    std::optional<ResponseReader> reader_;
    std::string buffer_;  // Read, not yet taken by the reader.
    std::array<char, 16384> piece_;
    std::int64_t started_ms_ = 0;
    std::int64_t deadline_ms_ = 0;
    std::uint64_t requests_ = 0;
    bool is_late_ = false;
    bool has_failed_ = false;
    bool has_heard_ = false;  // Any byte of the response.
};

}  // namespace capstan::http
