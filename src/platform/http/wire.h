#pragma once

// One HTTP/1.1 message read from bytes, cut anywhere, as they come; no input and output here.
//
// Beast parses the heads; these refuse what it lets pass and what could mean one thing to us and another to a
// proxy before us: several or listed Content-Lengths, transfer encodings other than "chunked", a missing or
// second Host.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "platform/http/message.h"

namespace capstan::http {

// What is wrong with a message, and the status that says so to its sender.
struct WireError {
    int status = 400;
    std::string message = {};
};

struct RequestHead {
    std::string method = {};
    std::string target = {};
    int version = 11;  // 10 or 11
    Headers headers = {};
    bool can_keep_alive = false;
    bool is_chunked = false;
    std::optional<std::uint64_t> body_bytes = std::nullopt;  // When the request says it.

    bool has_body() const { return is_chunked || body_bytes.value_or(0) > 0; }
};

struct ResponseHead {
    int status = 0;
    Headers headers = {};
    bool can_keep_alive = false;
};

class RequestReader {
public:
    explicit RequestReader(std::size_t header_bytes_max);
    ~RequestReader();
    RequestReader(RequestReader&&) noexcept;
    RequestReader& operator=(RequestReader&&) noexcept;

    // Takes bytes from the front and returns how many; what is left is to be given again with more behind it.
    // Stops behind the head; later calls append the body's bytes to `body`. Not after an error, or when done.
    std::expected<std::size_t, WireError> feed(std::string_view bytes, std::string& body);

    bool has_head() const;
    bool is_done() const;
    RequestHead& head();

private:
    class Parser;
    std::unique_ptr<Parser> parser_;
};

class ResponseReader {
public:
    // `has_no_body`: the response to HEAD, whatever its header fields say.
    ResponseReader(std::size_t header_bytes_max, bool has_no_body);
    ~ResponseReader();
    ResponseReader(ResponseReader&&) noexcept;
    ResponseReader& operator=(ResponseReader&&) noexcept;

    // As above. Interim responses (100 to 199) are skipped.
    std::expected<std::size_t, WireError> feed(std::string_view bytes, std::string& body);
    // The connection has ended: that completes a body without a length, and is an error otherwise.
    std::expected<void, WireError> finish();

    bool has_head() const;
    bool is_done() const;
    ResponseHead& head();

private:
    class Parser;
    std::size_t header_bytes_max_;
    bool has_no_body_;
    int interim_ = 0;
    std::unique_ptr<Parser> parser_;
};

}  // namespace capstan::http
