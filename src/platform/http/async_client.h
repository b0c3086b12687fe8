#pragma once

// The HTTP client for coroutines: what platform/http/client.h says of requests, limits and errors holds here
// too.
//
//     auto opened = co_await client.open(request);
//     while (...) { auto piece = co_await opened->read(); ... co_await writer.write(*piece); }
//
// Nothing is read from upstream but what read() asked for: a slow reader slows the sender.

#include <memory>
#include <string>

#include "base/result.h"
#include "platform/http/client.h"
#include "platform/http/task.h"

namespace capstan::http {

// A response whose body is still arriving. Dropped before its end it closes the connection; read to its end
// it gives the connection back for the next request.
class ResponseStream {
public:
    ResponseStream(ResponseStream&&) noexcept;
    ResponseStream& operator=(ResponseStream&&) noexcept;
    ~ResponseStream();

    int status() const;
    const Headers& headers() const;

    // The next piece of the body, up to 64 KiB; "" at its end. kCancelled when out of time or cancelled.
    Task<Result<std::string>> read();
    // The rest of the body; kTooLarge over limits.body_bytes_max.
    Task<Result<std::string>> read_all();

private:
    friend class AsyncClient;
    struct State;
    explicit ResponseStream(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

// Thread-safe: coroutines of any I/O thread share one and its connections. Outlives its streams; the threads
// outlive it.
class AsyncClient {
public:
    explicit AsyncClient(IoThreads& threads, ClientOptions options = {});
    ~AsyncClient();

    // Sends the request and waits for the response's head. body_file is not for coroutines: kInvalid.
    Task<Result<ResponseStream>> open(ClientRequest request);
    // The same, with the whole body.
    Task<Result<ClientResponse>> fetch(ClientRequest request);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace capstan::http
