// How a session writes an answer: whole, from a file, from a source, or piece by piece.

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "platform/http/json_reply.h"
#include "platform/http/session.h"

namespace capstan::http {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;  // For the peer to take within ServerLimits::write_ms_max.
constexpr std::size_t kFilePieceBytes = 256 << 10;

// Up to `bytes_max` bytes at `offset`.
Result<std::string> read_piece(const FileDescriptor& file, std::uint64_t offset, std::uint64_t bytes_max) {
    std::string piece(std::min<std::uint64_t>(bytes_max, kFilePieceBytes), '\0');
    const ssize_t bytes = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(offset));
    if (bytes <= 0) {
        return Error{ErrorCode::kUnavailable, "a file became shorter, or unreadable, while it was sent"};
    }
    piece.resize(static_cast<std::size_t>(bytes));
    return piece;
}

}  // namespace

Task<Result<void>> Session::write_parts(std::span<const std::string_view> parts) {
    if (is_gone_) {
        co_return Error{ErrorCode::kCancelled, "the client is gone"};
    }
    arm(core_.options.limits.write_ms_max);
    const Result<void> written = co_await transport_->write(parts);
    arm(0);
    if (!written) {
        is_gone_ = true;
        co_return Error{ErrorCode::kCancelled, "the client is gone: " + written.error().message};
    }
    co_return Result<void>();
}

Task<Result<void>> Session::write_head(Exchange& exchange, std::string head, std::string_view body) {
    const bool is_read = exchange.reader.is_done();
    has_unread_ = has_unread_ || !is_read;
    exchange.can_keep_alive = exchange.can_keep_alive && is_read && !core_.is_draining;
    if (!exchange.can_keep_alive) {
        head += "Connection: close\r\n";
    } else if (exchange.reader.head().version == 10) {
        head += "Connection: keep-alive\r\n";
    }
    head += "\r\n";
    const std::array<std::string_view, 2> parts = {head, body.substr(0, kPieceBytes)};
    exchange.bytes_sent += parts[1].size();
    Result<void> written = co_await write_parts(parts);
    if (written && body.size() > kPieceBytes) {
        written = co_await write_bytes(exchange, body.substr(kPieceBytes));
    }
    co_return written;
}

Task<Result<void>> Session::write_bytes(Exchange& exchange, std::string_view bytes) {
    while (!bytes.empty()) {
        const std::array<std::string_view, 1> parts = {bytes.substr(0, kPieceBytes)};
        const Result<void> written = co_await write_parts(parts);
        if (!written) {
            co_return written;
        }
        exchange.bytes_sent += parts[0].size();
        bytes.remove_prefix(parts[0].size());
    }
    co_return Result<void>();
}

Task<Result<void>> Session::write_chunk(Exchange& exchange, std::string_view bytes) {
    if (!exchange.is_chunked) {
        co_return co_await write_bytes(exchange, bytes);
    }
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, kPieceBytes);
        const std::string size = fmt::format("{:x}\r\n", piece.size());
        const std::array<std::string_view, 3> parts = {size, piece, "\r\n"};
        const Result<void> written = co_await write_parts(parts);
        if (!written) {
            co_return written;
        }
        exchange.bytes_sent += piece.size();
        bytes.remove_prefix(piece.size());
    }
    co_return Result<void>();
}

Task<Result<void>> Session::write_file(Exchange& exchange, Outgoing& out) {
    while (out.file_bytes > 0) {
        const auto read = [&] { return read_piece(*out.file, out.file_offset, out.file_bytes); };
        const auto piece = co_await run_patiently(core_.workers, read);
        if (!piece || !*piece) {
            co_return piece ? piece->error() : piece.error();
        }
        const Result<void> written = co_await write_bytes(exchange, **piece);
        if (!written) {
            co_return written;
        }
        out.file_offset += (*piece)->size();
        out.file_bytes -= (*piece)->size();
    }
    co_return Result<void>();
}

Task<Result<void>> Session::write_source(Exchange& exchange, const BodySource& source) {
    while (true) {
        const auto piece = co_await run_patiently(core_.workers, [&] { return source(); });
        if (!piece || !*piece) {
            co_return piece ? piece->error() : piece.error();
        }
        if ((*piece)->empty()) {
            co_await finish_stream(exchange);
            co_return Result<void>();
        }
        const Result<void> written = co_await write_chunk(exchange, **piece);
        if (!written) {
            co_return written;
        }
    }
}

Task<void> Session::write_out(Exchange& exchange, Outgoing out) {
    exchange.status = out.status;
    if (out.source) {
        exchange.is_chunked = exchange.reader.head().version == 11;
        exchange.can_keep_alive = exchange.can_keep_alive && exchange.is_chunked;
        out.head += exchange.is_chunked ? "Transfer-Encoding: chunked\r\n" : "";
    }
    Result<void> written = co_await write_head(exchange, std::move(out.head), out.body);
    if (written && out.file) {
        written = co_await write_file(exchange, out);
    } else if (written && out.source) {
        written = co_await write_source(exchange, out.source);
    }
    if (!written) {
        exchange.can_keep_alive = false;  // What was sent is not whole; only the connection's end can say so.
        if (written.error().code != ErrorCode::kCancelled) {
            log_warning(
                "an answer was cut off", {{"path", exchange.request.path}, {"error", written.error().message}}
            );
        }
    }
}

Task<void> Session::send(Exchange& exchange, Response response) {
    co_await write_out(exchange, prepare(exchange.request, std::move(response)));
}

Task<Result<void>> Session::start_stream(Exchange& exchange, int status, const Headers& headers) {
    exchange.status = status;
    exchange.is_chunked = exchange.reader.head().version == 11;
    exchange.can_keep_alive = exchange.can_keep_alive && exchange.is_chunked;
    std::string head = stream_head(exchange.request, status, headers);
    head += exchange.is_chunked ? "Transfer-Encoding: chunked\r\n" : "";
    co_return co_await write_head(exchange, std::move(head), {});
}

Task<void> Session::finish_stream(Exchange& exchange) {
    if (exchange.is_chunked) {
        constexpr std::array<std::string_view, 1> kEnd = {"0\r\n\r\n"};
        (void)co_await write_parts(kEnd);
    }
}

}  // namespace capstan::http
