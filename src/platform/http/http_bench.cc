// Requests a second of a trivial answer over kept connections, beside a bare Beast server that does nothing
// else.
//
// The ratio is what counts: it says what routing, workers, limits, request ids and headers cost. Run both on
// a quiet machine; load and servers share its cores.

#include <array>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "platform/http/server.h"
#include "platform/http/task.h"

namespace capstan::http {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::string_view kRequest = "GET /hello HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";

// Many connections, one request on each at a time, from one thread.
class Load {
public:
    Load(std::uint16_t port, int connections) : epoll_(::epoll_create1(0)) {
        for (int i = 0; i < connections; ++i) {
            const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            CHECK(
                ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
                "the server listens"
            );
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
            fds_.push_back(fd);
        }
    }

    ~Load() {
        for (const int fd : fds_) {
            ::close(fd);
        }
        ::close(epoll_);
    }

    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // Answers are one packet each, so a readable connection has its whole answer.
    void run(int requests) {
        int asked = 0;
        int answered = 0;
        for (const int fd : fds_) {
            ask(fd, asked);
        }
        std::array<epoll_event, 64> events;
        std::array<char, 4096> answer;
        while (answered < asked) {
            const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < ready; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                CHECK(::recv(fd, answer.data(), answer.size(), 0) > 0, "the server answers");
                ++answered;
                if (asked < requests) {
                    ask(fd, asked);
                }
            }
        }
    }

private:
    static void ask(int fd, int& asked) {
        CHECK(::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) > 0, "the server reads");
        ++asked;
    }

    int epoll_;
    std::vector<int> fds_;
};

void measure(benchmark::State& state, std::uint16_t port) {
    constexpr int kRequests = 5000;
    Load load(port, static_cast<int>(state.range(0)));
    load.run(500);
    for (auto _ : state) {
        load.run(kRequests);
    }
    state.SetItemsProcessed(state.iterations() * kRequests);
}

void capstan_server(benchmark::State& state) {
    Router router;
    router.get("/hello", kPublic, [](const Request&) { return Response{.body = "{\"hello\":\"world\"}"}; });
    const auto server = Server::start({.has_access_log = false}, router);
    CHECK(server, "a free port");
    measure(state, (*server)->port());
}

Task<void> bare_session(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    error_code failure;
    while (!failure) {
        beast_http::request<beast_http::string_body> request;
        co_await beast_http::async_read(
            socket, buffer, request, asio::redirect_error(asio::use_awaitable, failure)
        );
        if (!failure) {
            beast_http::response<beast_http::string_body> response(beast_http::status::ok, 11);
            response.set(beast_http::field::content_type, "application/json");
            response.body() = "{\"hello\":\"world\"}";
            response.prepare_payload();
            co_await beast_http::async_write(
                socket, response, asio::redirect_error(asio::use_awaitable, failure)
            );
        }
    }
}

Task<void> bare_accept(tcp::acceptor& acceptor) {
    error_code failure;
    while (!failure) {
        tcp::socket socket =
            co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, failure));
        if (!failure) {
            socket.set_option(tcp::no_delay(true), failure);
            const auto executor = socket.get_executor();
            asio::co_spawn(executor, bare_session(std::move(socket)), asio::detached);
        }
    }
}

void bare_beast(benchmark::State& state) {
    IoThreads io(2);
    tcp::acceptor acceptor(context_of(io), {asio::ip::make_address("127.0.0.1"), 0});
    spawn(io, bare_accept(acceptor));
    measure(state, acceptor.local_endpoint().port());
    io.stop();
}

BENCHMARK(capstan_server)->Arg(8)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(bare_beast)->Arg(8)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace capstan::http
