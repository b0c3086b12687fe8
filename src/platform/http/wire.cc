#include "platform/http/wire.h"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "platform/http/body_reader.h"

namespace capstan::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr std::size_t kFieldsMax = 200;
constexpr int kInterimMax = 10;

std::string_view view(string_view text) {
    return {text.data(), text.size()};
}

// Beast's parser for the head, with its findings kept as our types; the first line is up to what derives from
// it.
template <bool kIsRequest>
class MessageParser : public beast_http::basic_parser<kIsRequest> {
public:
    explicit MessageParser(std::size_t header_bytes_max) : head_bytes_max_(header_bytes_max) {
        this->header_limit(static_cast<std::uint32_t>(header_bytes_max));
        this->body_limit(boost::none);  // Counted where the bytes are kept.
    }

    std::expected<std::size_t, WireError> feed(std::string_view bytes, std::string& body) {
        if (is_head_done_) {
            auto taken = reader_.feed(bytes, body);
            return taken ? std::expected<std::size_t, WireError>(*taken)
                         : std::unexpected(WireError{400, taken.error()});
        }
        error_code failure;
        const std::size_t taken = this->put(boost::asio::const_buffer(bytes.data(), bytes.size()), failure);
        if (failure && failure != beast_http::error::need_more) {
            return std::unexpected(refused_ ? *refused_ : explain(failure));
        }
        // Beast grants the limit to the first line and to the fields, each, when they come at once.
        head_bytes_ += taken;
        if (head_bytes_ > head_bytes_max_) {
            return std::unexpected(explain(beast_http::error::header_limit));
        }
        return taken;
    }

    bool is_done() const { return is_head_done_ && reader_.is_done(); }

    bool finish() { return is_head_done_ && reader_.finish(); }

    Headers headers;

protected:
    BodyReader reader_;

    // Fails the parse with an explanation of our own.
    void refuse(error_code& failure, WireError why) {
        refused_ = std::move(why);
        failure = beast_http::error::bad_value;
    }

private:
    static WireError explain(const error_code& failure) {
        if (failure == beast_http::error::header_limit) {
            return {431, "the header is too large"};
        }
        if (failure == beast_http::error::bad_version) {
            return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
        }
        return {400, "malformed HTTP: " + failure.message()};
    }

    void on_field_impl(beast_http::field, string_view name, string_view value, error_code& failure) final {
        if (headers.size() == kFieldsMax) {
            refuse(failure, {431, "the header has too many fields"});
            return;
        }
        headers.add(view(name), view(value));
    }

    void on_header_impl(error_code& failure) final {
        is_head_done_ = true;
        check_head(failure);
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) final {}

    // Beast is not given the body.
    std::size_t on_body_impl(string_view, error_code&) final { return 0; }

    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) final {}

    std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) final { return 0; }

    void on_finish_impl(error_code&) final {}

    virtual void check_head(error_code& failure) = 0;

    const std::size_t head_bytes_max_;
    std::size_t head_bytes_ = 0;  // Taken so far.
    bool is_head_done_ = false;
    std::optional<WireError> refused_;
};

}  // namespace

class RequestReader::Parser final : public MessageParser<true> {
public:
    using MessageParser::MessageParser;

    RequestHead head;

private:
    void on_request_impl(beast_http::verb, string_view method, string_view target, int version, error_code&)
        override {
        head.method = view(method);
        head.target = view(target);
        head.version = version;
    }

    void on_response_impl(int, string_view, int, error_code&) override {}

    void check_head(error_code& failure) override {
        const std::string* encoding = headers.find("Transfer-Encoding");
        const std::string* length = headers.find("Content-Length");
        if (headers.count("Content-Length") > 1 || (length && length->contains(','))) {
            return refuse(failure, {400, "more than one Content-Length"});
        }
        if (encoding && (length || head.version < 11)) {
            return refuse(failure, {400, "a Transfer-Encoding beside a Content-Length or in HTTP/1.0"});
        }
        if (encoding && (headers.count("Transfer-Encoding") > 1 || !same_name(*encoding, "chunked"))) {
            return refuse(failure, {501, "only the transfer encoding 'chunked' is understood"});
        }
        if (headers.count("Host") > 1 || (head.version >= 11 && headers.count("Host") == 0)) {
            return refuse(failure, {400, "a request names its Host once"});
        }
        head.can_keep_alive = keep_alive();
        head.is_chunked = chunked();
        if (const auto bytes = content_length()) {
            head.body_bytes = *bytes;
        }
        using Frame = BodyReader::Frame;
        reader_ = BodyReader(head.is_chunked ? Frame::kChunked : Frame::kLength, head.body_bytes.value_or(0));
        head.headers = std::move(headers);
    }
};

RequestReader::RequestReader(std::size_t header_bytes_max)
    : parser_(std::make_unique<Parser>(header_bytes_max)) {}

RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;

std::expected<std::size_t, WireError> RequestReader::feed(std::string_view bytes, std::string& body) {
    return parser_->feed(bytes, body);
}

bool RequestReader::has_head() const {
    return parser_->is_header_done();
}

bool RequestReader::is_done() const {
    return parser_->is_done();
}

RequestHead& RequestReader::head() {
    return parser_->head;
}

class ResponseReader::Parser final : public MessageParser<false> {
public:
    using MessageParser::MessageParser;

    ResponseHead head;

private:
    void on_request_impl(beast_http::verb, string_view, string_view, int, error_code&) override {}

    void on_response_impl(int status, string_view, int, error_code& failure) override {
        head.status = status;
        if (status < 100 || status == 101) {
            refuse(failure, {502, "a response with status " + std::to_string(status)});
        }
    }

    void check_head(error_code& failure) override {
        const std::string* encoding = headers.find("Transfer-Encoding");
        if (encoding && (headers.count("Transfer-Encoding") > 1 || !same_name(*encoding, "chunked"))) {
            return refuse(failure, {502, "a response in a transfer encoding other than 'chunked'"});
        }
        head.headers = std::move(headers);
        head.can_keep_alive = keep_alive();
        reader_ = body_reader();
    }

    BodyReader body_reader() const {
        if (basic_parser::is_done()) {
            return BodyReader();  // After HEAD, or by the status.
        }
        if (need_eof()) {
            return BodyReader(BodyReader::Frame::kToEnd);
        }
        const auto bytes = content_length();
        return chunked() ? BodyReader(BodyReader::Frame::kChunked)
                         : BodyReader(BodyReader::Frame::kLength, bytes.value_or(0));
    }
};

ResponseReader::ResponseReader(std::size_t header_bytes_max, bool has_no_body)
    : header_bytes_max_(header_bytes_max),
      has_no_body_(has_no_body),
      parser_(std::make_unique<Parser>(header_bytes_max)) {
    parser_->skip(has_no_body);
}

ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;

std::expected<std::size_t, WireError> ResponseReader::feed(std::string_view bytes, std::string& body) {
    std::size_t taken = 0;
    while (true) {
        const auto more = parser_->feed(bytes.substr(taken), body);
        if (!more) {
            return more;
        }
        taken += *more;
        if (!parser_->is_header_done() || parser_->head.status >= 200) {
            return taken;
        }
        if (++interim_ > kInterimMax) {
            return std::unexpected(WireError{502, "too many interim responses"});
        }
        parser_ = std::make_unique<Parser>(header_bytes_max_);
        parser_->skip(has_no_body_);
        if (taken == bytes.size()) {
            return taken;
        }
    }
}

std::expected<void, WireError> ResponseReader::finish() {
    if (!parser_->is_header_done()) {
        return std::unexpected(WireError{502, "the connection ended before the response's head did"});
    }
    if (!parser_->finish()) {
        return std::unexpected(WireError{502, "the connection ended within the response's body"});
    }
    return {};
}

bool ResponseReader::has_head() const {
    return parser_->is_header_done();
}

bool ResponseReader::is_done() const {
    return parser_->is_done();
}

ResponseHead& ResponseReader::head() {
    return parser_->head;
}

}  // namespace capstan::http
