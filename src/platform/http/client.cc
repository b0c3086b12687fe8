#include "platform/http/client.h"

#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <fcntl.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"
#include "platform/http/client_connection.h"

namespace capstan::http {

namespace asio = boost::asio;

namespace {

using Connection = std::shared_ptr<ClientConnection>;

template <typename T>
Task<void> store(Task<Result<T>> task, std::optional<Result<T>>& outcome) {
    co_await asio::this_coro::throw_if_cancelled(false);
    outcome.emplace(co_await std::move(task));
}

// Runs the connection's own context on this thread until the task is done.
template <typename T>
Result<T> block_on(ClientConnection& connection, Task<Result<T>> task) {
    std::optional<Result<T>> outcome;
    asio::co_spawn(connection.context(), store(std::move(task), outcome), asio::detached);
    connection.context().restart();
    connection.context().run();
    CHECK(outcome, "a task runs to its end");
    return std::move(*outcome);
}

ClientResponse response_of(ClientConnection& connection) {
    return {.status = connection.head().status, .headers = connection.head().headers};
}

}  // namespace

struct Client::State {
    explicit State(ClientOptions options) : core(std::move(options)) {}

    // A connection on which the request was sent and the response's head has come.
    Result<Connection> open(const ClientRequest& request);
    // Reads the body of a 2xx through `on_piece`, any other into the response.
    Result<ClientResponse> receive(const Connection& connection, const OnPiece& on_piece);

    ClientCore core;
};

Result<Connection> Client::State::open(const ClientRequest& request) {
    const Result<Url> url = parse_url(request.url);
    if (!url) {
        return url.error();
    }
    Connection connection = core.take(*url);
    if (!connection) {
        connection = std::make_shared<ClientConnection>(core, *url, nullptr);
    }
    Result<void> started = block_on(*connection, connection->start(request, *url));
    if (!started && connection->may_retry(request)) {
        connection = std::make_shared<ClientConnection>(core, *url, nullptr);
        started = block_on(*connection, connection->start(request, *url));
    }
    if (!started) {
        return started.error();
    }
    return connection;
}

Result<ClientResponse> Client::State::receive(const Connection& connection, const OnPiece& on_piece) {
    ClientResponse response = response_of(*connection);
    if (!response.is_ok() || !on_piece) {
        Result<std::string> body = block_on(*connection, connection->read_all());
        if (!body) {
            return body.error();
        }
        response.body = std::move(*body);
    }
    while (true) {
        const Result<std::string> piece = block_on(*connection, connection->read());
        if (!piece) {
            return piece.error();
        }
        if (piece->empty()) {
            core.give_back(connection);
            return response;
        }
        const Result<void> taken = on_piece(*piece);
        if (!taken) {
            return taken.error();
        }
    }
}

Client::Client(ClientOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Client::~Client() = default;

Result<ClientResponse> Client::send(const ClientRequest& request) {
    return stream(request, nullptr);
}

Result<ClientResponse> Client::stream(const ClientRequest& request, const OnPiece& on_piece) {
    const Result<Connection> connection = state_->open(request);
    return connection ? state_->receive(*connection, on_piece) : connection.error();
}

Result<ClientResponse> Client::events(const ClientRequest& request, const OnEvent& on_event) {
    SseParser parser;
    return stream(request, [&](std::string_view bytes) { return parser.feed(bytes, on_event); });
}

Result<ClientResponse> Client::download(const ClientRequest& request, const std::filesystem::path& file) {
    const std::filesystem::path part = file.string() + ".part-" + new_id();
    Result<FileDescriptor> fd = open_file(part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (!fd) {
        return fd.error();
    }
    Result<ClientResponse> response =
        stream(request, [&](std::string_view bytes) { return write_all(fd->get(), bytes, part); });
    Result<void> done = response ? sync_file(fd->get(), part) : Result<void>(response.error());
    if (done && response->is_ok()) {
        std::error_code failure;
        std::filesystem::rename(part, file, failure);
        done =
            failure
                ? Error{ErrorCode::kUnavailable, "cannot write " + file.string() + ": " + failure.message()}
                : sync_folder(file.parent_path().empty() ? "." : file.parent_path());
    }
    if (!done || !response->is_ok()) {
        (void)remove_all(part);
    }
    return done ? std::move(response) : Result<ClientResponse>(done.error());
}

Result<ClientResponse> Client::get(std::string url) {
    return send({.url = std::move(url)});
}

Result<ClientResponse> Client::post_json(std::string url, std::string body) {
    return send(
        {.method = "POST",
         .url = std::move(url),
         .headers = {{"Content-Type", "application/json"}},
         .body = std::move(body)}
    );
}

}  // namespace capstan::http
