#pragma once

// From a handler's Response to what goes on the wire: conditions, ranges, gzip, headers.

#include <cstdint>
#include <optional>
#include <string>

#include "base/file.h"
#include "platform/http/message.h"

namespace capstan::http {

struct Outgoing {
    int status = 200;
    std::string head = {
    };  // Status line and fields, each with its line end; the empty line is still missing.
    std::string body = {};
    // Or so many bytes of a file from `file_offset` on:
    std::optional<FileDescriptor> file = std::nullopt;
    std::uint64_t file_offset = 0;
    std::uint64_t file_bytes = 0;
    // Or a body of unknown length, as chunks; until the connection's end for HTTP/1.0.
    BodySource source = {};
};

// Reads and compresses files, so it runs on a worker. Never fails: what goes wrong is answered as an error.
Outgoing prepare(const Request& request, Response response);

// The head of a response whose body follows piece by piece.
std::string stream_head(const Request& request, int status, const Headers& headers);

// "Not Found"; "" for a status without a name.
std::string_view reason_of(int status);

}  // namespace capstan::http
