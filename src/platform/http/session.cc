#include "platform/http/session.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "platform/http/json_reply.h"

namespace capstan::http {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t kLingerMs = 1000;
constexpr std::size_t kLingerBytesMax = std::size_t{1} << 20;
constexpr std::size_t kRequestIdMax = 128;

Response explained(const WireError& why) {
    return {.status = why.status, .error = Error{error_code_of(why.status), why.message}};
}

// What a client, or a proxy before us, may call its request.
bool is_sane_request_id(std::string_view id) {
    return !id.empty() && id.size() <= kRequestIdMax && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.' || c == ':';
    });
}

}  // namespace

Session::Session(ServerCore& core, std::unique_ptr<Transport> transport, std::string remote_address)
    : core_(core), transport_(std::move(transport)), remote_address_(std::move(remote_address)) {}

Session::~Session() {
    core_.remove(this);
}

Task<void> Session::run() {
    co_await asio::this_coro::throw_if_cancelled(false);
    arm(core_.options.limits.tls_handshake_ms_max);
    if (!is_gone_ && co_await transport_->handshake()) {
        while (!is_gone_ && co_await serve_one()) {
        }
        co_await linger();
    }
    transport_->close();
}

void Session::arm(std::int64_t wait_ms) {
    is_expired_ = false;
    deadline_ms_ = wait_ms > 0 ? monotonic_now_ms() + wait_ms : 0;
}

void Session::expire_if_late(std::int64_t now_ms) {
    const std::int64_t deadline_ms = deadline_ms_;
    if (deadline_ms == 0 || now_ms < deadline_ms) {
        return;
    }
    asio::post(transport_->socket().get_executor(), [self = shared_from_this()] {
        const std::int64_t current_ms = self->deadline_ms_;
        if (current_ms != 0 && monotonic_now_ms() >= current_ms) {
            self->deadline_ms_ = 0;
            self->is_expired_ = true;
            self->transport_->cancel();
        }
    });
}

void Session::drain() {
    asio::post(transport_->socket().get_executor(), [self = shared_from_this()] {
        if (self->is_idle_) {
            self->is_gone_ = true;
            self->transport_->cancel();
        }
    });
}

void Session::stop() {
    asio::post(transport_->socket().get_executor(), [self = shared_from_this()] {
        self->is_gone_ = true;
        self->transport_->close();
    });
}

Task<Result<void>> Session::fill() {
    if (is_expired_ || is_gone_) {
        co_return Error{ErrorCode::kCancelled, "the wait is over"};
    }
    const Result<std::size_t> bytes = co_await transport_->read_some(piece_);
    if (!bytes) {
        co_return bytes.error();
    }
    if (*bytes == 0) {
        co_return Error{ErrorCode::kUnavailable, "the peer closed the connection"};
    }
    buffer_.append(piece_.data(), *bytes);
    co_return Result<void>();
}

Task<std::expected<void, WireError>> Session::read_head(RequestReader& reader) {
    const ServerLimits& limits = core_.options.limits;
    std::string no_body;
    is_idle_ = buffer_.empty();
    arm(is_idle_ ? limits.idle_ms_max : limits.header_ms_max);
    if (is_idle_ && core_.is_draining) {
        co_return std::unexpected(WireError{0, "the server takes no more requests"});
    }
    bool is_begun = false;
    while (true) {
        while (!is_begun && buffer_.starts_with("\r\n")) {
            buffer_.erase(0, 2);  // RFC 9112, 2.2: an empty line before a request is to be ignored.
        }
        if (!buffer_.empty() && buffer_ != "\r") {
            is_begun = true;
            const auto taken = reader.feed(buffer_, no_body);
            if (!taken) {
                co_return std::unexpected(taken.error());
            }
            buffer_.erase(0, *taken);
            if (reader.has_head()) {
                arm(0);
                co_return std::expected<void, WireError>();
            }
        }
        if (!co_await fill()) {
            const bool is_late = is_expired_ && !is_idle_;
            co_return std::unexpected(WireError{is_late ? 408 : 0, "the request's header took too long"});
        }
        if (is_idle_) {
            is_idle_ = false;
            arm(limits.header_ms_max);
        }
    }
}

// Body bytes into `into` until the body is complete or `into` holds a piece worth handing on (1 MiB).
Task<std::expected<void, WireError>> Session::receive(
    Exchange& exchange, std::string& into, std::uint64_t bytes_max
) {
    constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
    const ServerLimits& limits = core_.options.limits;
    const std::size_t stop_at =
        exchange.route && exchange.route->options.body == BodyMode::kFile ? kPieceBytes : std::size_t(-1);
    while (true) {
        const auto taken = exchange.reader.feed(buffer_, into);
        if (!taken) {
            co_return std::unexpected(taken.error());
        }
        buffer_.erase(0, *taken);
        if (into.size() > bytes_max) {
            co_return std::unexpected(WireError{413, "the body is larger than this route takes"});
        }
        if (exchange.reader.is_done() || into.size() >= stop_at) {
            co_return std::expected<void, WireError>();
        }
        const std::int64_t body_ms = (monotonic_now_us() - exchange.started_us) / 1000;
        if (body_ms > limits.body_ms_max) {
            co_return std::unexpected(WireError{408, "the body took too long"});
        }
        arm(std::min(limits.body_idle_ms_max, limits.body_ms_max - body_ms + 1));
        if (!co_await fill()) {
            co_return std::unexpected(WireError{is_expired_ ? 408 : 0, "the body took too long"});
        }
    }
}

Task<std::expected<void, WireError>> Session::read_body(Exchange& exchange) {
    const RouteOptions options = exchange.route ? exchange.route->options : RouteOptions();
    if (options.body == BodyMode::kMemory) {
        co_return co_await receive(exchange, exchange.request.body, options.body_bytes_max);
    }
    Result<std::shared_ptr<SpooledFile>> file = SpooledFile::create(core_.options.spool_folder);
    if (!file) {
        co_return std::unexpected(WireError{503, "no room for uploads: " + file.error().message});
    }
    exchange.request.body_file = *file;
    while (!exchange.reader.is_done()) {
        std::string piece;
        const auto received =
            co_await receive(exchange, piece, options.body_bytes_max - exchange.request.body_file->bytes());
        if (!received) {
            co_return received;
        }
        const auto append = [&] { return exchange.request.body_file->append(piece); };
        const auto done = co_await run_patiently(core_.workers, append);
        if (!done || !*done) {
            const Error why = done ? done->error() : done.error();
            co_return std::unexpected(WireError{status_of(why.code), why.message});
        }
    }
    co_return std::expected<void, WireError>();
}

// Takes a small body off the connection that nobody asked for, so that the connection can be used again.
Task<void> Session::discard_body(Exchange& exchange) {
    constexpr std::uint64_t kDiscardMax = 256 << 10;
    const RequestHead& head = exchange.reader.head();
    const bool is_small = head.body_bytes.value_or(kDiscardMax + 1) <= kDiscardMax;
    if (!exchange.reader.is_done() && !exchange.is_body_refused && is_small &&
        !exchange.request.headers.find("Expect")) {
        std::string nowhere;
        (void)co_await receive(exchange, nowhere, kDiscardMax);
    }
}

Task<bool> Session::serve_one() {
    RequestReader reader(core_.options.limits.header_bytes_max);
    const auto read = co_await read_head(reader);
    if (!read && read.error().status == 0) {
        co_return false;
    }
    core_.metrics.in_flight(1);
    Exchange exchange(std::move(reader));
    exchange.started_us = monotonic_now_us();
    exchange.request.remote_address = remote_address_;
    RequestHead& head = exchange.reader.head();
    if (read) {
        exchange.can_keep_alive = head.can_keep_alive;
        exchange.request.method = head.method;
        exchange.request.target = head.target;
        exchange.request.headers = std::move(head.headers);
    }
    const std::string_view given_id = exchange.request.headers.get("X-Request-Id");
    exchange.request.request_id = is_sane_request_id(given_id) ? std::string(given_id) : new_id();
    if (read) {
        co_await respond(exchange);
    } else {
        has_unread_ = true;
        co_await send(exchange, explained(read.error()));
    }
    core_.metrics.in_flight(-1);
    const double seconds = static_cast<double>(monotonic_now_us() - exchange.started_us) / 1e6;
    core_.metrics.answered(exchange.request, exchange.status == 0 ? 499 : exchange.status, seconds);
    log_access(exchange);
    arm(0);
    co_return exchange.can_keep_alive&& exchange.status != 0;
}

Task<void> Session::respond(Exchange& exchange) {
    std::optional<Response> early = route(exchange);
    if (!early && (exchange.reader.head().has_body() || (exchange.route && exchange.route->stream))) {
        early = co_await admit(exchange);
    }
    if (early) {
        co_await discard_body(exchange);
        co_await send(exchange, std::move(*early));
    } else if (exchange.route && exchange.route->stream) {
        co_await run_stream(exchange);
    } else if (exchange.route && exchange.route->events) {
        co_await run_events(exchange);
    } else {
        co_await run_handler(exchange);
    }
}

std::optional<Response> Session::route(Exchange& exchange) {
    Request& request = exchange.request;
    if (request.target == "*" && request.method == "OPTIONS") {
        return Response{.status = 204, .content_type = ""};
    }
    Result<TargetPath> target = parse_target(request.target);
    if (!target) {
        return reply(target.error());
    }
    Result<QueryParameters> query = QueryParameters::parse(target->query);
    if (!query) {
        return reply(query.error());
    }
    request.path = std::move(target->path);
    request.query = std::move(*query);
    exchange.router = &core_.built_in;
    Router::Match match = core_.built_in.match(request.method, target->segments);
    if (!match.route && match.allow.empty()) {
        exchange.router = &core_.router;
        match = core_.router.match(request.method, target->segments);
    }
    exchange.route = match.route;
    if (!match.route) {
        return answer_without_route(exchange, match);
    }
    request.pattern = match.route->pattern;
    request.path_params = std::move(match.path_params);
    return std::nullopt;
}

std::optional<Response> Session::answer_without_route(Exchange& exchange, const Router::Match& match) const {
    const Request& request = exchange.request;
    if (!match.allow.empty()) {
        if (request.method == "OPTIONS") {
            return Response{.status = 204, .content_type = "", .headers = {{"Allow", match.allow}}};
        }
        const std::string why = request.method + " is not for " + request.path + "; allowed: " + match.allow;
        return Response{
            .status = 405, .headers = {{"Allow", match.allow}}, .error = Error{ErrorCode::kInvalid, why}
        };
    }
    if (core_.router.otherwise() && (request.method == "GET" || request.method == "HEAD")) {
        return std::nullopt;
    }
    return reply(Error{ErrorCode::kNotFound, "nothing at " + request.path});
}

Task<std::optional<Response>> Session::admit(Exchange& exchange) {
    if (exchange.route && exchange.route->permission != kPublic) {
        const auto done = co_await run_blocking(core_.workers, [&] { return authenticate(exchange); });
        if (!done || !*done) {
            co_return reply(done ? done->error() : done.error());
        }
    }
    exchange.is_authenticated = true;
    const RequestHead& head = exchange.reader.head();
    const std::uint64_t bytes_max = exchange.route ? exchange.route->options.body_bytes_max : 0;
    if (head.body_bytes.value_or(0) > bytes_max) {
        co_return explained({413, "the body is larger than " + std::to_string(bytes_max) + " bytes"});
    }
    if (!head.has_body()) {
        co_return std::nullopt;
    }
    if (same_name(exchange.request.headers.get("Expect"), "100-continue") && buffer_.empty()) {
        arm(core_.options.limits.write_ms_max);
        constexpr std::array<std::string_view, 1> kGoOn = {"HTTP/1.1 100 Continue\r\n\r\n"};
        if (!co_await transport_->write(kGoOn)) {
            is_gone_ = true;
            co_return explained({408, "the client is gone"});
        }
    }
    const auto read = co_await read_body(exchange);
    arm(0);
    if (!read) {
        exchange.is_body_refused = true;
        is_gone_ = read.error().status == 0;
        co_return explained({is_gone_ ? 400 : read.error().status, read.error().message});
    }
    co_return std::nullopt;
}

Task<void> Session::linger() {
    if (is_gone_) {
        co_return;
    }
    arm(kLingerMs);
    co_await transport_->end();
    // Closing with bytes unread would make the kernel send a reset, which can destroy our answer at the
    // client.
    std::size_t read = 0;
    while (has_unread_ && read < kLingerBytesMax && !is_expired_ && co_await fill()) {
        read += buffer_.size();
        buffer_.clear();
    }
}

void Session::log_access(const Exchange& exchange) const {
    if (!core_.options.has_access_log) {
        return;
    }
    const Request& request = exchange.request;
    log_info(
        "http",
        {{"method", request.method},
         {"path", request.path},  // Without the query, which may hold secrets.
         {"status", exchange.status},
         {"bytes", exchange.bytes_sent},
         {"ms", static_cast<double>((monotonic_now_us() - exchange.started_us) / 10) / 100},
         {"remote", request.remote_address},
         {"principal", request.principal.name},
         {"request_id", request.request_id}}
    );
}

}  // namespace capstan::http
