#pragma once

// The blocking HTTP/1.1 client: for rooms, commands and tests. The gateway has a coroutine one
// (platform/http/async_client.h).
//
// A response of any status is a value; Errors are for exchanges without one: kUnavailable (no connection,
// broken off, not HTTP), kCancelled (out of time), kTooLarge, kInvalid (the URL). Redirects are not followed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/http/message.h"
#include "platform/http/sse_parser.h"

namespace capstan::http {

struct ClientLimits {
    std::int64_t connect_ms_max = 5'000;  // Name, connection and TLS handshake.
    std::int64_t idle_ms_max = 60'000;    // Between two pieces that arrive or leave.
    std::int64_t total_ms_max = 120'000;  // The whole exchange; 0: no limit.
    std::size_t header_bytes_max = 65536;
    std::uint64_t body_bytes_max = std::uint64_t{64} << 20;  // Of a body kept in memory.
};

struct ClientTls {
    bool verify_peer = true;             // Certificate chain and host name. Off only in tests.
    std::filesystem::path ca_file = {};  // PEM; empty: the system's.
};

struct ClientOptions {
    ClientTls tls = {};
    std::size_t idle_connections_max = 16;  // Kept for the next request to the same place.
    std::int64_t idle_connection_ms_max = 30'000;
    Headers headers = {};  // Sent with every request: an Authorization, say.
};

struct ClientRequest {
    std::string method = "GET";
    std::string url = {};
    Headers headers = {};
    std::string body = {};
    std::optional<std::filesystem::path> body_file = std::nullopt;  // Sent instead of `body`.
    ClientLimits limits = {};
};

struct ClientResponse {
    int status = 0;
    Headers headers = {};
    std::string body = {};

    bool is_ok() const { return status >= 200 && status < 300; }
};

// Gets the pieces of a 2xx body as they arrive; its error ends the exchange and is returned.
using OnPiece = std::function<Result<void>(std::string_view bytes)>;
using OnEvent = std::function<Result<void>(const SseEvent& event)>;

// Thread-safe; each call works on the caller's thread.
class Client {
public:
    explicit Client(ClientOptions options = {});
    ~Client();

    Result<ClientResponse> send(const ClientRequest& request);
    // The body of a 2xx goes to `on_piece`, and not into the response; other bodies are in the response.
    Result<ClientResponse> stream(const ClientRequest& request, const OnPiece& on_piece);
    // The same for server-sent events. Set limits.total_ms_max to 0 for streams without end.
    Result<ClientResponse> events(const ClientRequest& request, const OnEvent& on_event);
    // The body of a 2xx goes to the file, which appears whole or not at all.
    Result<ClientResponse> download(const ClientRequest& request, const std::filesystem::path& file);

    Result<ClientResponse> get(std::string url);
    Result<ClientResponse> post_json(std::string url, std::string body);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace capstan::http
