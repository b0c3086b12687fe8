#include "platform/http/async_client.h"

#include <utility>

#include "platform/http/client_connection.h"

namespace capstan::http {

struct AsyncClient::State {
    State(ClientOptions options, IoThreads& io) : core(std::move(options)), threads(io) {}

    ClientCore core;
    IoThreads& threads;
};

struct ResponseStream::State {
    std::shared_ptr<ClientConnection> connection;  // Shared with its alarm; null once given back.
    ClientCore& core;
    ResponseHead head;
};

ResponseStream::ResponseStream(std::unique_ptr<State> state) : state_(std::move(state)) {}

ResponseStream::ResponseStream(ResponseStream&&) noexcept = default;
ResponseStream& ResponseStream::operator=(ResponseStream&&) noexcept = default;
ResponseStream::~ResponseStream() = default;

int ResponseStream::status() const {
    return state_->head.status;
}

const Headers& ResponseStream::headers() const {
    return state_->head.headers;
}

Task<Result<std::string>> ResponseStream::read() {
    if (!state_->connection) {
        co_return std::string();
    }
    Result<std::string> piece = co_await state_->connection->read();
    if (piece && piece->empty()) {
        state_->core.give_back(std::exchange(state_->connection, nullptr));
    }
    co_return piece;
}

Task<Result<std::string>> ResponseStream::read_all() {
    if (!state_->connection) {
        co_return std::string();
    }
    Result<std::string> body = co_await state_->connection->read_all();
    auto connection = std::exchange(state_->connection, nullptr);
    if (body) {
        state_->core.give_back(std::move(connection));
    }
    co_return body;
}

AsyncClient::AsyncClient(IoThreads& threads, ClientOptions options)
    : state_(std::make_unique<State>(std::move(options), threads)) {}

AsyncClient::~AsyncClient() = default;

Task<Result<ResponseStream>> AsyncClient::open(ClientRequest request) {
    const Result<Url> url = parse_url(request.url);
    if (!url) {
        co_return url.error();
    }
    if (request.body_file) {
        co_return Error{ErrorCode::kInvalid, "a coroutine cannot send a file: reading it would block"};
    }
    ClientCore& core = state_->core;
    boost::asio::io_context& context = context_of(state_->threads);
    std::shared_ptr<ClientConnection> connection = core.take(*url);
    if (!connection) {
        connection = std::make_shared<ClientConnection>(core, *url, &context);
    }
    Result<void> started = co_await connection->start(request, *url);
    if (!started && connection->may_retry(request)) {
        connection = std::make_shared<ClientConnection>(core, *url, &context);
        started = co_await connection->start(request, *url);
    }
    if (!started) {
        co_return started.error();
    }
    ResponseHead head = std::move(connection->head());
    connection->head().can_keep_alive = head.can_keep_alive;
    using State = ResponseStream::State;
    co_return ResponseStream(std::make_unique<State>(std::move(connection), core, std::move(head)));
}

Task<Result<ClientResponse>> AsyncClient::fetch(ClientRequest request) {
    Result<ResponseStream> stream = co_await open(std::move(request));
    if (!stream) {
        co_return stream.error();
    }
    Result<std::string> body = co_await stream->read_all();
    if (!body) {
        co_return body.error();
    }
    co_return ClientResponse{stream->status(), stream->headers(), std::move(*body)};
}

}  // namespace capstan::http
