#pragma once

// Answers that a coroutine writes, piece by piece: the gateway's streams.

#include <functional>
#include <string_view>

#include "base/result.h"
#include "platform/http/message.h"
#include "platform/http/router.h"
#include "platform/http/task.h"

namespace capstan::http {

// The answer to one request. All awaitables end with kCancelled when the client is gone, also while the
// handler waits for something else of ours: the handler's coroutine is cancelled then.
class StreamWriter {
public:
    virtual ~StreamWriter() = default;

    // Sends the head; the body follows in chunks. Once, and not after respond().
    virtual Task<Result<void>> start(int status, Headers headers) = 0;
    // Waits until the connection has taken the bytes, which must live until then; nothing is kept. kCancelled
    // when the client is gone or took nothing for ServerLimits::write_ms_max.
    virtual Task<Result<void>> write(std::string_view bytes) = 0;
    // A whole answer instead of a stream: errors, mostly.
    virtual Task<Result<void>> respond(Response response) = 0;

    virtual bool is_started() const = 0;
    virtual bool is_cancelled() const = 0;
    virtual WorkerPool& workers() = 0;  // For run_blocking.
};

// Runs on an I/O thread and must not block or throw. The request and the writer live until it returns. A
// handler that returns without an answer is answered for with 500; one that fails after start() should say so
// in its stream, in its own way, and return.
using StreamHandler = std::function<Task<void>(const Request& request, StreamWriter& writer)>;

struct StreamRoute {
    StreamHandler handler;
};

// Adds a coroutine handler: route.method, pattern, permission and options say the rest.
void add_stream(Router& router, Route route, StreamHandler handler);

}  // namespace capstan::http
