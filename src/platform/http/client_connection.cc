#include "platform/http/client_connection.h"

#include <algorithm>
#include <chrono>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

namespace capstan::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kMarks.contains(c);
    });
}

// The frame of the message is ours to describe.
bool is_ours(std::string_view name) {
    return same_name(name, "Content-Length") || same_name(name, "Transfer-Encoding") ||
           same_name(name, "Connection");
}

Result<void> append_fields(std::string& head, const Headers& headers, const Headers& overridden_by) {
    for (const auto& [name, value] : headers) {
        if (is_ours(name) || overridden_by.find(name)) {
            continue;
        }
        if (!is_token(name) || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
            return Error{
                ErrorCode::kInvalid, "the header field '" + name + "' has a line break or a bad name"
            };
        }
        head.append(name).append(": ").append(value).append("\r\n");
    }
    return {};
}

Result<std::string> head_of(
    const ClientRequest& request, const Url& url, const Headers& defaults, std::uint64_t bytes
) {
    if (!is_token(request.method)) {
        return Error{ErrorCode::kInvalid, "'" + request.method + "' is no HTTP method"};
    }
    std::string head = fmt::format("{} {} HTTP/1.1\r\n", request.method, url.target);
    if (!request.headers.find("Host") && !defaults.find("Host")) {
        head += "Host: " + url.authority() + "\r\n";
    }
    const Result<void> own = append_fields(head, request.headers, {});
    const Result<void> common = append_fields(head, defaults, request.headers);
    if (!own || !common) {
        return own ? common.error() : own.error();
    }
    if (bytes > 0 || request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
        head += fmt::format("Content-Length: {}\r\n", bytes);
    }
    return head += "\r\n";
}

Result<std::uint64_t> size_of(const std::filesystem::path& path) {
    std::error_code failure;
    const auto bytes = std::filesystem::file_size(path, failure);
    if (failure) {
        return Error{ErrorCode::kNotFound, "cannot read " + path.string() + ": " + failure.message()};
    }
    return static_cast<std::uint64_t>(bytes);
}

}  // namespace

ClientConnection::ClientConnection(ClientCore& core, Url url, asio::io_context* context)
    : own_context_(context ? nullptr : std::make_unique<asio::io_context>(1)),
      context_(context ? *context : *own_context_),
      core_(core),
      url_(std::move(url)),
      alarm_(context_) {}

bool ClientConnection::is_to(const Url& url) const {
    return url.is_tls == url_.is_tls && url.host == url_.host && url.port == url_.port;
}

bool ClientConnection::is_reusable() {
    return !has_failed_ && !is_late_ && transport_ && reader_ && reader_->is_done() &&
           reader_->head().can_keep_alive && buffer_.empty() && transport_->is_quiet();
}

bool ClientConnection::may_retry(const ClientRequest& request) const {
    const bool is_repeatable = request.method == "GET" || request.method == "HEAD" ||
                               request.method == "PUT" || request.method == "DELETE" ||
                               request.method == "OPTIONS";
    return requests_ > 1 && !has_heard_ && !is_late_ && is_repeatable;
}

Task<Result<void>> ClientConnection::start(const ClientRequest& request, const Url& url) {
    limits_ = request.limits;
    started_ms_ = monotonic_now_ms();
    is_late_ = false;
    has_heard_ = false;
    has_failed_ = true;  // Until the head is there.
    ++requests_;
    reader_.emplace(limits_.header_bytes_max, request.method == "HEAD");
    Result<void> done;
    if (!transport_) {
        done = co_await connect();
    }
    if (done) {
        const Result<void> sent = co_await send(request, url);
        const bool may_have_answer = sent || sent.error().code == ErrorCode::kUnavailable;
        done = may_have_answer ? co_await read_head() : sent;
        if (!sent && !done) {
            done = sent;
        }
        has_failed_ = !sent || !done;
    }
    disarm();
    if (!done) {
        abort();
        co_return explain(done.error());
    }
    co_return done;
}

Task<Result<void>> ClientConnection::connect() {
    Result<asio::ssl::context*> tls = nullptr;
    if (url_.is_tls) {
        tls = core_.tls();
    }
    const Result<void> armed = co_await arm(limits_.connect_ms_max);
    if (!tls || !armed) {
        co_return tls ? armed.error() : tls.error();
    }
    error_code failure;
    std::vector<tcp::endpoint> endpoints;
    const auto address = asio::ip::make_address(url_.host, failure);
    if (!failure) {
        endpoints.emplace_back(address, url_.port);
    } else {
        tcp::resolver resolver(context_);
        const auto found = co_await resolver.async_resolve(
            url_.host, std::to_string(url_.port), asio::redirect_error(asio::use_awaitable, failure)
        );
        if (failure) {
            co_return Error{ErrorCode::kUnavailable, "no address for the host " + url_.host};
        }
        endpoints.assign(found.begin(), found.end());
    }
    connecting_.emplace(context_);
    if (!is_late_) {
        co_await asio::async_connect(
            *connecting_, endpoints, asio::redirect_error(asio::use_awaitable, failure)
        );
    }
    if (failure || is_late_) {
        co_return Error{ErrorCode::kUnavailable, "cannot connect: " + failure.message()};
    }
    connecting_->set_option(tcp::no_delay(true), failure);
    auto transport =
        make_client_transport(std::move(*connecting_), *tls, {url_.host, core_.options.tls.verify_peer});
    connecting_.reset();
    if (!transport) {
        co_return transport.error();
    }
    transport_ = std::move(*transport);
    co_return co_await transport_->handshake();
}

Task<Result<void>> ClientConnection::send(const ClientRequest& request, const Url& url) {
    Result<std::uint64_t> bytes = static_cast<std::uint64_t>(request.body.size());
    if (request.body_file) {
        bytes = size_of(*request.body_file);
    }
    const Result<std::string> head =
        bytes ? head_of(request, url, core_.options.headers, *bytes) : Result<std::string>(bytes.error());
    if (!head) {
        co_return head.error();
    }
    if (request.body_file) {
        const Result<void> written = co_await write(*head, {});
        co_return written ? co_await send_file(*request.body_file, *bytes) : written;
    }
    co_return co_await write(*head, request.body);
}

Task<Result<void>> ClientConnection::send_file(const std::filesystem::path& path, std::uint64_t bytes) {
    const Result<FileDescriptor> file = open_file(path, O_RDONLY | O_CLOEXEC);
    if (!file) {
        co_return file.error();
    }
    std::string piece;
    while (bytes > 0) {
        piece.resize(std::min<std::uint64_t>(bytes, kPieceBytes));
        const ssize_t read = ::read(file->get(), piece.data(), piece.size());
        if (read <= 0) {
            co_return Error{ErrorCode::kInvalid, path.string() + " became shorter while it was sent"};
        }
        piece.resize(static_cast<std::size_t>(read));
        const Result<void> written = co_await write(piece, {});
        if (!written) {
            co_return written;
        }
        bytes -= piece.size();
    }
    co_return Result<void>();
}

Task<Result<void>> ClientConnection::write(std::string_view head, std::string_view body) {
    while (true) {
        const std::array<std::string_view, 2> parts = {head, body.substr(0, kPieceBytes)};
        Result<void> done = co_await arm(limits_.idle_ms_max);
        if (done) {
            done = co_await transport_->write(parts);
        }
        body.remove_prefix(parts[1].size());
        if (!done || body.empty()) {
            co_return done;
        }
        head = {};
    }
}

Task<Result<void>> ClientConnection::read_head() {
    std::string body;  // The reader stops behind the head, so this stays empty.
    while (true) {
        const Result<bool> filled = co_await fill();
        if (!filled || !*filled) {
            co_return filled
                ? Error{ErrorCode::kUnavailable, "the server closed the connection without an answer"}
                : filled.error();
        }
        const Result<void> fed = feed(body);
        if (!fed || reader_->has_head()) {
            co_return fed;
        }
    }
}

Result<void> ClientConnection::feed(std::string& body) {
    if (buffer_.empty() || reader_->is_done()) {
        return {};
    }
    const auto taken = reader_->feed(buffer_, body);
    if (!taken) {
        return Error{ErrorCode::kUnavailable, taken.error().message};
    }
    buffer_.erase(0, *taken);
    return {};
}

Task<Result<bool>> ClientConnection::fill() {
    const Result<void> armed = co_await arm(limits_.idle_ms_max);
    if (!armed) {
        co_return armed.error();
    }
    const Result<std::size_t> bytes = co_await transport_->read_some(piece_);
    if (!bytes) {
        co_return bytes.error();
    }
    buffer_.append(piece_.data(), *bytes);
    has_heard_ = has_heard_ || *bytes > 0;
    co_return *bytes > 0;
}

Task<Result<std::string>> ClientConnection::read() {
    std::string body;
    Result<void> done = feed(body);
    while (done && body.empty() && !reader_->is_done()) {
        const Result<bool> filled = co_await fill();
        if (!filled) {
            done = filled.error();
        } else if (*filled) {
            done = feed(body);
        } else if (const auto finished = reader_->finish(); !finished) {
            done = Error{ErrorCode::kUnavailable, finished.error().message};
        }
    }
    disarm();
    if (!done) {
        has_failed_ = true;
        abort();
        co_return explain(done.error());
    }
    co_return body;
}

Task<Result<std::string>> ClientConnection::read_all() {
    std::string body;
    while (true) {
        const Result<std::string> piece = co_await read();
        if (!piece || piece->empty()) {
            co_return piece ? Result<std::string>(std::move(body)) : piece;
        }
        if (body.size() + piece->size() > limits_.body_bytes_max) {
            has_failed_ = true;
            abort();
            const std::string limit = std::to_string(limits_.body_bytes_max);
            co_return explain({ErrorCode::kTooLarge, "the response is larger than " + limit + " bytes"});
        }
        body += *piece;
    }
}

Task<Result<void>> ClientConnection::arm(std::int64_t wait_ms) {
    const std::int64_t now_ms = monotonic_now_ms();
    deadline_ms_ = now_ms + wait_ms;
    if (limits_.total_ms_max > 0) {
        deadline_ms_ = std::min(deadline_ms_, started_ms_ + limits_.total_ms_max);
    }
    is_late_ = is_late_ || deadline_ms_ <= now_ms;
    if (is_late_ || co_await is_cancelled()) {
        co_return Error{ErrorCode::kCancelled, "the request was cancelled"};
    }
    alarm_.expires_after(std::chrono::milliseconds(deadline_ms_ - now_ms));
    const auto ring = [weak = weak_from_this()](const error_code& failure) {
        const auto self = failure ? nullptr : weak.lock();
        if (self && self->deadline_ms_ > 0 && monotonic_now_ms() >= self->deadline_ms_) {
            self->is_late_ = true;
            self->abort();
        }
    };
    alarm_.async_wait(asio::bind_executor(co_await asio::this_coro::executor, ring));
    co_return Result<void>();
}

void ClientConnection::disarm() {
    deadline_ms_ = 0;
    alarm_.cancel();
}

void ClientConnection::abort() {
    if (connecting_) {
        error_code ignored;
        connecting_->close(ignored);
    }
    if (transport_) {
        transport_->close();
    }
}

Error ClientConnection::explain(Error error) const {
    const std::string place = (url_.is_tls ? "https://" : "http://") + url_.authority();
    if (is_late_) {
        const std::string waited = std::to_string(monotonic_now_ms() - started_ms_);
        return {ErrorCode::kCancelled, place + ": out of time after " + waited + " ms"};
    }
    return with_context(place, std::move(error));
}

}  // namespace capstan::http
