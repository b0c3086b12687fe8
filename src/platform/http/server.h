#pragma once

// The HTTP/1.1 server: sockets, limits, time, and the few answers that every process gives.
//
// I/O threads run coroutines and never block; handlers run on workers. Besides the router's routes it answers
// /healthz (alive), /readyz (asks `ready`) and, when given a registry, /metrics.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "platform/http/io_threads.h"
#include "platform/http/metrics.h"
#include "platform/http/router.h"

namespace capstan::http {

struct ServerLimits {
    std::size_t connections_max = 4096;      // More are accepted and closed at once.
    std::size_t header_bytes_max = 32768;    // More is answered 431.
    std::int64_t header_ms_max = 10'000;     // From a header's first byte to its last; 408.
    std::int64_t body_idle_ms_max = 30'000;  // Between two reads of a body; 408.
    std::int64_t body_ms_max = 600'000;      // For a whole body; 408.
    std::int64_t idle_ms_max = 60'000;       // Between two requests of one connection.
    std::int64_t write_ms_max = 30'000;      // For the client to take one piece (64 KiB or one event).
    std::int64_t tls_handshake_ms_max = 10'000;
    int send_buffer_bytes = 0;  // Of the kernel, a connection; 0 leaves it to the kernel.
};

struct TlsFiles {
    std::filesystem::path certificate = {};  // PEM, the chain from the leaf on.
    std::filesystem::path key = {};          // PEM.
};

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one; ask port().
    std::optional<TlsFiles> tls = {};
    int workers = 16;            // Threads for handlers, made when needed.
    int queue_max = 256;         // Requests that wait for a worker; more are answered 503 with Retry-After.
    int event_streams_max = 64;  // Blocking event handlers at one time; more are answered 503.
    ServerLimits limits = {};
    std::filesystem::path spool_folder = std::filesystem::temp_directory_path();  // For BodyMode::kFile.
    bool has_access_log = true;
    MetricRegistry* metrics = nullptr;         // Outlives the server.
    std::function<Result<void>()> ready = {};  // For /readyz, on a worker; absent means ready.
    IoThreads* io = nullptr;                   // Outlives the server; absent means two threads of its own.
};

class Server {
public:
    // Listens when it returns. kConflict when the port is taken, kInvalid for a bad address or certificate.
    // The router outlives the server and is not changed any more.
    static Result<std::unique_ptr<Server>> start(ServerOptions options, const Router& router);
    ~Server();  // stop()

    std::uint16_t port() const;
    std::string url() const;  // "http://127.0.0.1:8080"

    // Takes no new connections and no further requests, lets running requests end for up to `deadline_ms`,
    // then stops. True when all of them ended by themselves. /readyz says 503 meanwhile.
    bool drain(std::int64_t deadline_ms);
    // Closes all connections, cancels streams and waits for running handlers to return. Needs the I/O
    // threads, so it comes before their stop(); not to be called from a handler.
    void stop();

private:
    struct State;
    explicit Server(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace capstan::http
