// What the server refuses: too large, too slow, malformed, or meant to be read in two ways.

#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/id.h"
#include "platform/http/client.h"
#include "platform/http/server.h"
#include "platform/http/test_peer.h"

namespace capstan::http {
namespace {

class LimitsTest : public testing::Test {
protected:
    LimitsTest() {
        options_.has_access_log = false;
        options_.spool_folder = std::filesystem::path(testing::TempDir()) / new_id();
        router_.get("/hello", kPublic, [](const Request&) {
            return Response{.content_type = "text/plain", .body = "hello"};
        });
        router_.post(
            "/small",
            kPublic,
            [this](const Request& request) {
                bodies_.push_back(request.body);
                return Response{.content_type = "text/plain", .body = request.body};
            },
            {.body_bytes_max = 100}
        );
    }

    ~LimitsTest() override {
        server_.reset();
        std::filesystem::remove_all(options_.spool_folder);
    }

    void start() {
        auto server = Server::start(options_, router_);
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
    }

    std::string exchange_raw(const std::string& bytes) {
        TestPeer peer(server_->port());
        peer.send(bytes);
        return peer.read_to_end();
    }

    // The status line's number, or 0 when nothing came.
    static int status_in(const std::string& answer) {
        return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
    }

    ServerOptions options_;
    Router router_;
    std::vector<std::string> bodies_;
    std::unique_ptr<Server> server_;
};

TEST_F(LimitsTest, RefusesMalformedRequests) {
    start();
    const std::pair<std::string, int> cases[] = {
        {"nonsense\r\n\r\n", 400},
        {"GET /hello\r\n\r\n", 400},
        {"GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\nHost: a\n\n", 505},
        {"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET /hello HTTP/1.1\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\x01"
         "b\r\n\r\n",
         400},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nX: a" + std::string(1, '\0') + "b\r\n\r\n", 400},
        {"GET hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"GET /a%00b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"GET /a/../b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"GET /a/..%2fb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain port\r\n\r\n", 400},
    };
    for (const auto& [bytes, status] : cases) {
        const std::string answer = exchange_raw(bytes);
        EXPECT_EQ(status_in(answer), status) << bytes << "\n-> " << answer;
        EXPECT_TRUE(answer.contains("Connection: close\r\n")) << answer;
    }
}

TEST_F(LimitsTest, RefusesWhatAProxyMightReadOtherwise) {
    start();
    const std::string smuggled = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string heads[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
    };
    for (const std::string& head : heads) {
        const std::string answer =
            exchange_raw("POST /small HTTP/1.1\r\nHost: a\r\n" + head + "\r\n0\r\n\r\n" + smuggled);
        EXPECT_GE(status_in(answer), 400) << head << answer;
        EXPECT_FALSE(answer.contains("hello")) << head << answer;
    }
    const std::string old =
        exchange_raw("POST /small HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled);
    EXPECT_EQ(status_in(old), 400) << old;
    EXPECT_TRUE(bodies_.empty());
}

TEST_F(LimitsTest, RefusesMalformedChunks) {
    start();
    for (const std::string body :
         {"5\r\nabc", "g\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\n"}) {
        TestPeer peer(server_->port());
        peer.send(
            "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "\r\n\r\n\r\n"
        );
        const std::string answer = peer.read_until("\r\n\r\n");
        EXPECT_GE(status_in(answer), 400) << body << "\n-> " << answer;
    }
    EXPECT_TRUE(bodies_.empty());
}

TEST_F(LimitsTest, RefusesALargeHeader) {
    options_.limits.header_bytes_max = 4096;
    start();
    const std::string long_field = "X-Long: " + std::string(5000, 'x') + "\r\n";
    EXPECT_EQ(status_in(exchange_raw("GET /hello HTTP/1.1\r\nHost: a\r\n" + long_field + "\r\n")), 431);
    EXPECT_EQ(
        status_in(exchange_raw("GET /" + std::string(5000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n")), 431
    );
    EXPECT_EQ(status_in(exchange_raw("GET /hello HTTP/1.1\r\n" + std::string(20000, 'y'))), 431);
    std::string many = "GET /hello HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 300; ++i) {
        many += "A: b\r\n";
    }
    EXPECT_EQ(status_in(exchange_raw(many + "\r\n")), 431);
}

TEST_F(LimitsTest, RefusesALargeBody) {
    start();
    const std::string url = server_->url() + "/small";
    EXPECT_EQ(Client().send({.method = "POST", .url = url, .body = std::string(101, 'x')})->status, 413);
    EXPECT_EQ(
        Client().send({.method = "POST", .url = url, .body = std::string(5'000'000, 'x')})->status, 413
    );
    const std::string chunk = "40\r\n" + std::string(64, 'x') + "\r\n";
    const std::string answer = exchange_raw(
        "POST /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk +
        chunk + "0\r\n\r\n"
    );
    EXPECT_EQ(status_in(answer), 413) << answer;
    EXPECT_TRUE(bodies_.empty());
    EXPECT_EQ(Client().send({.method = "POST", .url = url, .body = std::string(100, 'x')})->status, 200);
}

TEST_F(LimitsTest, RefusesABodyThatUnpacksTooLarge) {
    start();
    // 1,000 letters 'x' in a gzip frame of 29 bytes (Python: gzip.compress(b"x" * 1000, 9, mtime=0)).
    const std::string bomb(
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\xa8\x18\x05\xa3\x60\x14\x0c\x77\x00\x00\xf9\x77\x19\x8d"
        "\xe8\x03\x00\x00",
        29
    );
    const auto response = Client().send(
        {.method = "POST",
         .url = server_->url() + "/small",
         .headers = {{"Content-Encoding", "gzip"}},
         .body = bomb}
    );
    EXPECT_GE(response->status, 400);
    EXPECT_TRUE(bodies_.empty());
    const auto unknown = Client().send(
        {.method = "POST",
         .url = server_->url() + "/small",
         .headers = {{"Content-Encoding", "br"}},
         .body = "x"}
    );
    EXPECT_EQ(unknown->status, 415);
}

TEST_F(LimitsTest, GivesUpOnASlowHeader) {
    options_.limits.header_ms_max = 200;
    start();
    TestPeer peer(server_->port());
    peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n");
    const std::int64_t begun_ms = monotonic_now_ms();
    while (peer.send("X-A: b\r\n") && monotonic_now_ms() < begun_ms + 10'000) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20)
        );  // Each byte comes in time; the whole does not.
        if (peer.has_input()) {
            break;
        }
    }
    EXPECT_EQ(status_in(peer.read_to_end()), 408);
}

TEST_F(LimitsTest, GivesUpOnASlowBody) {
    options_.limits.body_idle_ms_max = 200;
    start();
    TestPeer peer(server_->port());
    peer.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_EQ(status_in(peer.read_to_end()), 408);
    EXPECT_TRUE(bodies_.empty());
}

TEST_F(LimitsTest, GivesUpOnABodyThatTricklesForEver) {
    options_.limits.body_ms_max = 300;
    start();
    TestPeer peer(server_->port());
    peer.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\n");
    for (int i = 0; i < 80 && !peer.has_input(); ++i) {
        peer.send("x");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(status_in(peer.read_to_end()), 408);
}

TEST_F(LimitsTest, ClosesAQuietConnectionWithoutAWord) {
    options_.limits.idle_ms_max = 100;
    start();
    TestPeer peer(server_->port());
    EXPECT_EQ(peer.read_to_end(), "");
    TestPeer second(server_->port());
    second.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(second.read_to_end().ends_with("hello"));
}

TEST_F(LimitsTest, TakesOnlySoManyConnections) {
    options_.limits.connections_max = 2;
    start();
    TestPeer first(server_->port());
    first.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(first.read_until("hello").ends_with("hello"));
    TestPeer second(server_->port());
    second.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(second.read_until("hello").ends_with("hello"));
    EXPECT_EQ(exchange_raw("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), "");
}

TEST_F(LimitsTest, GoesOnWithTheConnectionAfterASmallBodyThatNobodyWanted) {
    start();
    TestPeer peer(server_->port());
    peer.send("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
    EXPECT_EQ(status_in(peer.read_until("}}")), 404);
    peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(status_in(peer.read_until("hello")), 200);
}

TEST_F(LimitsTest, SaysContinueOnlyWhenTheBodyIsWanted) {
    start();
    TestPeer peer(server_->port());
    peer.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("ok");
    EXPECT_EQ(status_in(peer.read_until("ok")), 200);
    peer.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(status_in(peer.read_to_end()), 413);
}

TEST_F(LimitsTest, SpoolsAnUploadToDiskAndRemovesItAfterwards) {
    std::filesystem::path seen;
    router_.put(
        "/upload",
        kPublic,
        [&](const Request& request) {
            seen = request.body_file->path();
            EXPECT_TRUE(request.body.empty());
            return Response{
                .content_type = "text/plain", .body = std::to_string(std::filesystem::file_size(seen))
            };
        },
        {.body_bytes_max = 64 << 20, .body = BodyMode::kFile}
    );
    start();
    const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / new_id();
    std::FILE* out = std::fopen(file.c_str(), "wb");
    const std::string piece(1 << 20, 'u');
    for (int i = 0; i < 20; ++i) {
        std::fwrite(piece.data(), 1, piece.size(), out);
    }
    std::fclose(out);
    const auto response =
        Client().send({.method = "PUT", .url = server_->url() + "/upload", .body_file = file});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, std::to_string(20 << 20));
    server_->stop();
    EXPECT_FALSE(std::filesystem::exists(seen));
    std::filesystem::remove(file);
}

TEST_F(LimitsTest, RemovesAnUploadThatBrokeOff) {
    router_.put("/upload", kPublic, [](const Request&) { return Response{}; }, {.body = BodyMode::kFile});
    start();
    const auto spooled = [&] {
        return std::filesystem::exists(options_.spool_folder) &&
               !std::filesystem::is_empty(options_.spool_folder);
    };
    TestPeer peer(server_->port());
    peer.send(
        "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n" + std::string(2'000'000, 'x')
    );
    while (!spooled()) {
        std::this_thread::yield();
    }
    peer.close();
    server_->drain(10'000);
    EXPECT_FALSE(spooled());
}

}  // namespace
}  // namespace capstan::http
