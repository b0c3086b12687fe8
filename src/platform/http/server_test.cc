#include "platform/http/server.h"

#include <atomic>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "platform/http/client.h"
#include "platform/http/json_reply.h"
#include "platform/http/test_peer.h"

namespace capstan::http {
namespace {

class ServerTest : public testing::Test {
protected:
    ServerTest() {
        options_.has_access_log = false;
        router_.get("/hello", kPublic, [](const Request&) {
            return Response{.content_type = "text/plain", .body = "hello"};
        });
        router_.post("/echo", kPublic, [](const Request& request) {
            return Response{.content_type = "text/plain", .body = request.body};
        });
        router_.get("/items/{id}", kPublic, [](const Request& request) {
            return Response{
                .content_type = "text/plain",
                .body = request.param("id") + "?" + std::string(request.query.get("q"))
            };
        });
    }

    void start() {
        auto server = Server::start(options_, router_);
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
    }

    Result<ClientResponse> get(const std::string& path) { return client_.get(server_->url() + path); }

    // Sends bytes as they are and returns all that comes back until the server closes.
    std::string exchange_raw(const std::string& bytes) {
        TestPeer peer(server_->port());
        peer.send(bytes);
        return peer.read_to_end();
    }

    ServerOptions options_;
    Router router_;
    MetricRegistry metrics_;
    std::unique_ptr<Server> server_;
    Client client_;
};

TEST_F(ServerTest, AnswersAGet) {
    start();
    const auto response = get("/hello");
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hello");
    EXPECT_EQ(response->headers.get("content-type"), "text/plain");
    EXPECT_EQ(response->headers.get("X-Request-Id").size(), 36u);
}

TEST_F(ServerTest, HandsPathParametersAndQueryDecoded) {
    start();
    EXPECT_EQ(get("/items/a%2Fb%20c?q=x%26y+z")->body, "a/b c?x&y z");
}

TEST_F(ServerTest, ReturnsABodyOfAnySizeUnchanged) {
    start();
    std::string body(3'000'000, 'x');
    for (std::size_t i = 0; i < body.size(); i += 7) {
        body[i] = static_cast<char>('a' + i % 26);
    }
    const auto response = client_.send({.method = "POST", .url = server_->url() + "/echo", .body = body});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_TRUE(response->body == body);
}

TEST_F(ServerTest, KeepsTheConnectionBetweenRequests) {
    start();
    TestPeer peer(server_->port());
    for (int i = 0; i < 3; ++i) {
        peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        const std::string answer = peer.read_until("hello");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
        EXPECT_FALSE(answer.contains("Connection: close")) << answer;
    }
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
    start();
    const std::string all = exchange_raw(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
        "GET /items/second HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /items/third HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    );
    const std::size_t first = all.find("\r\n\r\nfirst");
    const std::size_t second = all.find("\r\n\r\nsecond?");
    const std::size_t third = all.find("\r\n\r\nthird?");
    ASSERT_NE(third, std::string::npos) << all;
    EXPECT_TRUE(first < second && second < third) << all;
}

TEST_F(ServerTest, TakesAChunkedBody) {
    start();
    const std::string answer = exchange_raw(
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "4;note=1\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Trailer: late\r\n\r\n"
    );
    EXPECT_TRUE(answer.ends_with("\r\n\r\nWikipedia")) << answer;
}

TEST_F(ServerTest, TakesBytesOneAtATime) {
    start();
    TestPeer peer(server_->port());
    for (const char c :
         std::string("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")) {
        peer.send(std::string(1, c));
    }
    EXPECT_TRUE(peer.read_to_end().ends_with("\r\n\r\nabc"));
}

TEST_F(ServerTest, AnswersHttp10AndCloses) {
    start();
    const std::string answer = exchange_raw("GET /hello HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(answer.contains("Connection: close\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
    start();
    const auto response = client_.send({.method = "HEAD", .url = server_->url() + "/hello"});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.get("Content-Length"), "5");
    EXPECT_EQ(response->body, "");
}

TEST_F(ServerTest, SaysWhichMethodsAPathHas) {
    start();
    const auto refused = client_.send({.method = "DELETE", .url = server_->url() + "/hello"});
    EXPECT_EQ(refused->status, 405);
    EXPECT_EQ(refused->headers.get("Allow"), "GET, HEAD, OPTIONS");
    const auto options = client_.send({.method = "OPTIONS", .url = server_->url() + "/echo"});
    EXPECT_EQ(options->status, 204);
    EXPECT_EQ(options->headers.get("Allow"), "POST, OPTIONS");
}

TEST_F(ServerTest, AnswersAnUnknownPathWithTheRequestId) {
    start();
    const auto response =
        client_.send({.url = server_->url() + "/nowhere", .headers = {{"X-Request-Id", "trace-1"}}});
    EXPECT_EQ(response->status, 404);
    EXPECT_EQ(response->headers.get("X-Request-Id"), "trace-1");
    const auto body = parse_json(response->body);
    ASSERT_TRUE(body) << response->body;
    EXPECT_EQ((*body)["error"].string_or("code", ""), "not_found");
    EXPECT_EQ((*body)["error"].string_or("request_id", ""), "trace-1");
}

TEST_F(ServerTest, ReplacesARequestIdThatIsNotSane) {
    start();
    const auto response =
        client_.send({.url = server_->url() + "/hello", .headers = {{"X-Request-Id", "a b<script>"}}});
    EXPECT_EQ(response->headers.get("X-Request-Id").size(), 36u);
}

TEST_F(ServerTest, KeepsTheDetailOfAnInternalErrorToItself) {
    router_.get("/broken", kPublic, [](const Request&) {
        return reply(Error{ErrorCode::kInternal, "the secret place"});
    });
    router_.get("/throws", kPublic, [](const Request&) -> Response {
        throw std::runtime_error("the secret place");
    });
    start();
    for (const std::string path : {"/broken", "/throws"}) {
        const auto response = get(path);
        EXPECT_EQ(response->status, 500);
        EXPECT_FALSE(response->body.contains("secret")) << response->body;
        EXPECT_TRUE(response->body.contains(response->headers.get("X-Request-Id"))) << response->body;
    }
}

TEST_F(ServerTest, AsksTheAuthenticatorBeforeTheBody) {
    std::atomic<int> asked = 0;
    router_.authenticate_with([&](const Request& request, const Route& route) -> Result<Principal> {
        ++asked;
        EXPECT_EQ(route.permission, "runs.write");
        EXPECT_TRUE(request.body.empty());
        if (request.headers.get("Authorization") != "Bearer right") {
            return Error{ErrorCode::kUnauthorized, "no such key"};
        }
        return Principal{.id = "1", .name = "ada"};
    });
    router_.post("/runs", "runs.write", [](const Request& request) {
        return Response{.content_type = "text/plain", .body = request.principal.name + ":" + request.body};
    });
    start();
    ClientRequest request{.method = "POST", .url = server_->url() + "/runs", .body = "x"};
    const auto refused = client_.send(request);
    EXPECT_EQ(refused->status, 401);
    EXPECT_EQ(refused->headers.get("WWW-Authenticate"), "Bearer");
    request.headers.add("Authorization", "Bearer right");
    EXPECT_EQ(client_.send(request)->body, "ada:x");
    EXPECT_EQ(asked, 2);
}

TEST_F(ServerTest, RefusesAPermissionWhenNobodyCanGiveIt) {
    router_.get("/private", "runs.read", [](const Request&) { return Response{}; });
    start();
    EXPECT_EQ(get("/private")->status, 401);
}

TEST_F(ServerTest, RefusesWithRetryAfterWhenTheQueueIsFull) {
    std::latch begun(1);
    std::latch go_on(1);
    router_.get("/slow", kPublic, [&](const Request&) {
        begun.count_down();
        go_on.wait();
        return Response{};
    });
    options_.workers = 1;
    options_.queue_max = 0;
    start();
    std::jthread slow([&] { EXPECT_EQ(Client().get(server_->url() + "/slow")->status, 200); });
    begun.wait();
    const auto refused = get("/hello");
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(refused->headers.get("Retry-After"), "1");
    EXPECT_EQ(get("/healthz")->status, 200);  // The process lives all the same.
    go_on.count_down();
}

TEST_F(ServerTest, SaysWhetherItIsReady) {
    std::atomic<bool> is_ready = false;
    options_.ready = [&]() -> Result<void> {
        return is_ready ? Result<void>() : Error{ErrorCode::kUnavailable, "the database is not open"};
    };
    start();
    EXPECT_EQ(get("/readyz")->status, 503);
    is_ready = true;
    EXPECT_EQ(get("/readyz")->status, 200);
}

TEST_F(ServerTest, CountsWhatItAnswers) {
    options_.metrics = &metrics_;
    start();
    EXPECT_EQ(get("/items/1")->status, 200);
    EXPECT_EQ(get("/items/2")->status, 200);
    const auto text = get("/metrics");
    EXPECT_EQ(text->headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_TRUE(text->body.contains(
        "capstan_http_requests_total{method=\"GET\",route=\"/items/{id}\",status=\"200\"} 2\n"
    )) << text->body;
}

TEST_F(ServerTest, DrainEndsRunningRequestsAndTakesNoMore) {
    std::latch begun(1);
    std::latch go_on(1);
    router_.get("/slow", kPublic, [&](const Request&) {
        begun.count_down();
        go_on.wait();
        return Response{.content_type = "text/plain", .body = "done"};
    });
    start();
    const std::string url = server_->url();
    EXPECT_EQ(get("/hello")->status, 200);  // Leaves an idle connection in the client.
    std::jthread slow([&] {
        const auto response = Client().get(url + "/slow");
        ASSERT_TRUE(response) << response.error().message;
        EXPECT_EQ(response->body, "done");
        EXPECT_EQ(response->headers.get("Connection"), "close");
    });
    begun.wait();
    std::atomic<bool> is_clean = false;
    std::jthread draining([&] { is_clean = server_->drain(20'000); });
    while (Client().get(url + "/hello")) {
        std::this_thread::yield();  // Until the door is closed.
    }
    EXPECT_FALSE(Client().get(url + "/hello"));
    go_on.count_down();
    draining.join();
    EXPECT_TRUE(is_clean);
}

TEST_F(ServerTest, DrainSaysWhenTimeRanOut) {
    std::latch begun(1);
    std::latch go_on(1);
    router_.get("/slow", kPublic, [&](const Request&) {
        begun.count_down();
        go_on.wait();
        return Response{};
    });
    start();
    TestPeer peer(server_->port());
    peer.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    begun.wait();
    std::atomic<bool> is_clean = true;
    std::jthread draining([&] { is_clean = server_->drain(50); });
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    go_on.count_down();
    draining.join();
    EXPECT_FALSE(is_clean);
}

TEST_F(ServerTest, RefusesATakenPortAndABadAddress) {
    start();
    ServerOptions second = options_;
    second.port = server_->port();
    const auto taken = Server::start(second, router_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
    second.address = "localhost:80";
    EXPECT_EQ(Server::start(second, router_).error().code, ErrorCode::kInvalid);
}

TEST_F(ServerTest, AnswersManyClientsAtOnce) {
    start();
    std::atomic<int> right = 0;
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < 8; ++i) {
            clients.emplace_back([&, i] {
                Client client;
                for (int n = 0; n < 50; ++n) {
                    const std::string id = std::to_string(i * 1000 + n);
                    const auto response = client.get(server_->url() + "/items/" + id);
                    right += response && response->body == id + "?" ? 1 : 0;
                }
            });
        }
    }
    EXPECT_EQ(right, 400);
}

}  // namespace
}  // namespace capstan::http
