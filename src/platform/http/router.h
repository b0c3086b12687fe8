#pragma once

// Which function answers which request, who may call it, and how large its body may be.
//
// A Handler is an ordinary blocking function; the server runs it on a worker thread, so it may query the
// database and compute. An EventHandler is blocking too and sends server-sent events, on a thread of its own
// pool. A coroutine handler (platform/http/stream.h) runs on an I/O thread and must never block.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/http/message.h"
#include "platform/http/sse_parser.h"

namespace capstan::http {

// The permission of routes that need no key: the authenticator is not asked.
inline constexpr std::string_view kPublic = "public";

using Handler = std::function<Response(const Request&)>;

// The sending end of a stream of events, for one blocking handler.
class EventSink {
public:
    virtual ~EventSink() = default;

    // Waits until the connection has taken the event; nothing piles up behind a slow client. kCancelled when
    // the client is gone or took nothing for `ServerLimits::write_ms_max`, or when the server stops: then
    // return.
    virtual Result<void> send(const SseEvent& event) = 0;
    // Sends a comment line, which clients ignore: keeps proxies from closing a quiet stream.
    virtual Result<void> send_heartbeat() = 0;
    virtual bool is_cancelled() const = 0;
    // Waits for up to `wait_ms`; false as soon as the stream is cancelled. For handlers that poll.
    virtual bool wait(std::int64_t wait_ms) = 0;
};

// An error before the first event is answered as JSON with its status; after it, as a last event "error".
using EventHandler = std::function<Result<void>(const Request&, EventSink&)>;

enum class BodyMode {
    kMemory,  // Into Request::body.
    kFile,    // Into Request::body_file: uploads.
};

struct RouteOptions {
    std::uint64_t body_bytes_max = std::uint64_t{8} << 20;  // More is answered 413.
    BodyMode body = BodyMode::kMemory;
};

struct StreamRoute;  // platform/http/stream.h

struct Route {
    std::string method = {};
    std::string pattern = {};
    std::string permission = {};
    RouteOptions options = {};
    // One of these; the last is shared only to keep its type, which needs Boost, out of here.
    Handler handler = {};
    EventHandler events = {};
    std::shared_ptr<const StreamRoute> stream = {};
};

// Runs on a worker, before the body is read. kUnauthorized, kDenied or kExhausted, mostly.
using Authenticator = std::function<Result<Principal>(const Request&, const Route&)>;

class Router {
public:
    Router();
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    // `path` may hold one-segment names, such as "/api/v1/runs/{id}", and at its end a name for all the rest,
    // "/files/{path...}". A fixed segment wins over a name, a name over a rest. A second handler for the same
    // method and path, and a malformed pattern, are broken invariants. Not after the server started.
    void get(std::string_view path, std::string_view permission, Handler handler, RouteOptions options = {});
    void post(std::string_view path, std::string_view permission, Handler handler, RouteOptions options = {});
    void put(std::string_view path, std::string_view permission, Handler handler, RouteOptions options = {});
    void patch(
        std::string_view path, std::string_view permission, Handler handler, RouteOptions options = {}
    );
    void del(std::string_view path, std::string_view permission, Handler handler, RouteOptions options = {});
    // GET, answered with text/event-stream.
    void events(std::string_view path, std::string_view permission, EventHandler handler);
    void add(Route route);

    // Puts what `wrap` makes of it in the place of the Handler of every route that is there and has one.
    void wrap_handlers(const std::function<Handler(const Route&, Handler)>& wrap);

    // Asked for every route whose permission is not kPublic. Without one, such routes are answered 401.
    void authenticate_with(Authenticator authenticator);
    // Answers GET where no route matches: the web pages.
    void otherwise(Handler handler);

    // All routes, in the order of their adding.
    std::vector<const Route*> routes() const;

    struct Match {
        const Route* route = nullptr;
        std::vector<std::pair<std::string, std::string>> path_params;
        std::string allow;  // The methods of this path ("GET, HEAD, OPTIONS"), when it has any.
    };

    // No route and an empty `allow`: 404. No route and an `allow`: 405, or the answer to OPTIONS. HEAD finds
    // GET.
    Match match(std::string_view method, const std::vector<std::string>& segments) const;

    const Handler& otherwise() const { return otherwise_; }

    // The principal of the request; that of nobody on public routes.
    Result<Principal> authenticate(const Request& request, const Route& route) const;

    // What the server would answer, without a server: fills path, query and parameters from request.target,
    // asks the authenticator and calls the Handler. For tests of routes; not for streams.
    Response answer(Request request) const;

private:
    struct Node;

    std::vector<std::unique_ptr<Route>> routes_;
    std::unique_ptr<Node> root_;
    Authenticator authenticator_;
    Handler otherwise_;
};

}  // namespace capstan::http
