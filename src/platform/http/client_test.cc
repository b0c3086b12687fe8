// The client against servers that misbehave, and over TLS.

#include "platform/http/client.h"

#include <atomic>
#include <filesystem>
#include <latch>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/id.h"
#include "platform/http/async_client.h"
#include "platform/http/server.h"
#include "platform/http/stream.h"
#include "platform/http/test_peer.h"

namespace capstan::http {
namespace {

// A server that reads what was sent, answers each connection with the same bytes, and closes.
class RawServer {
public:
    explicit RawServer(std::string answer, bool closes = true) : answer_(std::move(answer)), closes_(closes) {
        fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(fd_, 16), 0);
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
        thread_ = std::jthread([this] { serve(); });
    }

    ~RawServer() {
        is_over_ = true;
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
    }

    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    const std::string& url() const { return url_; }

    int connections() const { return connections_; }

private:
    void serve() {
        std::vector<int> open;
        while (!is_over_) {
            const int peer = ::accept(fd_, nullptr, nullptr);
            if (peer < 0) {
                break;
            }
            ++connections_;
            char request[4096];
            (void)!::recv(peer, request, sizeof request, 0);
            (void)!::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
            if (closes_) {
                ::close(peer);
            } else {
                open.push_back(peer);
            }
        }
        for (const int peer : open) {
            ::close(peer);
        }
    }

    std::string answer_;
    bool closes_;
    int fd_;
    std::string url_;
    std::atomic<bool> is_over_ = false;
    std::atomic<int> connections_ = 0;
    std::jthread thread_;
};

TEST(Client, ReadsABodyThatEndsWithTheConnection) {
    RawServer server("HTTP/1.0 200 OK\r\n\r\nall of it");
    EXPECT_EQ(Client().get(server.url())->body, "all of it");
}

TEST(Client, SkipsInterimResponses) {
    RawServer server(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 "
        "Created\r\nContent-Length: 2\r\n\r\nok"
    );
    const auto response = Client().get(server.url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->body, "ok");
    EXPECT_EQ(response->headers.find("Link"), nullptr);
}

TEST(Client, RefusesBrokenResponses) {
    const std::string answers[] = {
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/3 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",
    };
    for (const std::string& answer : answers) {
        RawServer server(answer);
        const auto response = Client().get(server.url());
        ASSERT_FALSE(response) << answer.substr(0, 100);
        EXPECT_EQ(response.error().code, ErrorCode::kUnavailable) << response.error().message;
        EXPECT_TRUE(response.error().message.starts_with("http://127.0.0.1:")) << response.error().message;
    }
}

TEST(Client, KeepsToItsTimeLimits) {
    RawServer silent("", false);
    ClientRequest request{.url = silent.url()};
    request.limits.idle_ms_max = 100;
    const auto idle = Client().send(request);
    ASSERT_FALSE(idle);
    EXPECT_EQ(idle.error().code, ErrorCode::kCancelled) << idle.error().message;
    request.limits = {.total_ms_max = 100};
    EXPECT_EQ(Client().send(request).error().code, ErrorCode::kCancelled);
    RawServer half("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false);
    request.url = half.url();
    EXPECT_EQ(Client().send(request).error().code, ErrorCode::kCancelled);
}

TEST(Client, KeepsToTheBodyLimit) {
    RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
    ClientRequest request{.url = server.url()};
    request.limits.body_bytes_max = 999;
    EXPECT_EQ(Client().send(request).error().code, ErrorCode::kTooLarge);
    request.limits.body_bytes_max = 1000;
    EXPECT_EQ(Client().send(request)->body.size(), 1000u);
}

TEST(Client, SaysThatNobodyListens) {
    std::string url;
    {
        RawServer server("");
        url = server.url();
    }
    const auto response = Client().get(url);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
    EXPECT_TRUE(response.error().message.contains("Connection refused")) << response.error().message;
}

TEST(Client, RefusesRequestsThatWouldSplit) {
    RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    Client client;
    const auto code = [&](const ClientRequest& request) { return client.send(request).error().code; };
    EXPECT_EQ(code({.url = server.url(), .headers = {{"X", "a\r\nY: b"}}}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.url = server.url(), .headers = {{"X: y\r\nZ", "a"}}}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.method = "GET / HTTP/1.1\r\n", .url = server.url()}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.url = server.url() + " HTTP/1.1\r\nX: y"}), ErrorCode::kInvalid);
}

TEST(Client, TriesAgainWhenAKeptConnectionHasGone) {
    // Says that it keeps the connection, and does not.
    RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    Client client;
    for (int i = 0; i < 20; ++i) {
        const auto response = client.get(server.url());
        ASSERT_TRUE(response) << response.error().message;
        EXPECT_EQ(response->body, "ok");
    }
    EXPECT_GE(server.connections(), 20);
}

TEST(Client, UsesAConnectionAgain) {
    Router router;
    router.get("/", kPublic, [](const Request&) { return Response{}; });
    MetricRegistry metrics;
    ServerOptions options{.has_access_log = false, .metrics = &metrics};
    options.limits.connections_max = 1;
    const auto server = Server::start(options, router);
    ASSERT_TRUE(server);
    Client client;
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(client.get((*server)->url() + "/")) << "a second connection would be refused";
    }
}

TEST(Client, StopsWhenTheCallerHasEnough) {
    Router router;
    std::atomic<bool> is_cancelled = false;
    router.events("/", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        Result<void> sent;
        while (sent) {
            sent = sink.send({.data = "x"});
        }
        is_cancelled = true;
        return sent;
    });
    auto server = Server::start({.has_access_log = false}, router);
    ASSERT_TRUE(server);
    int seen = 0;
    Client client;
    const auto response =
        client.events({.url = (*server)->url() + "/"}, [&](const SseEvent&) -> Result<void> {
            return ++seen < 10 ? Result<void>() : Error{ErrorCode::kConflict, "enough"};
        });
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().message, "enough");
    EXPECT_TRUE((*server)->drain(20'000));
    EXPECT_TRUE(is_cancelled);
}

TEST(AsyncClient, FetchesFromManyCoroutines) {
    Router router;
    router.post("/echo", kPublic, [](const Request& r) {
        return Response{.content_type = "text/plain", .body = r.body};
    });
    const auto server = Server::start({.has_access_log = false}, router);
    ASSERT_TRUE(server);
    IoThreads io(2);
    AsyncClient client(io);
    std::latch done(20);
    std::atomic<int> right = 0;
    const auto one = [&](int i) -> Task<void> {
        for (int n = 0; n < 20; ++n) {
            const std::string body = std::to_string(i * 100 + n);
            const auto response =
                co_await client.fetch({.method = "POST", .url = (*server)->url() + "/echo", .body = body});
            right += response && response->body == body ? 1 : 0;
        }
        done.count_down();
    };
    for (int i = 0; i < 20; ++i) {
        spawn(io, one(i));
    }
    done.wait();
    EXPECT_EQ(right, 400);
}

// A key and a certificate for "localhost" and 127.0.0.1, signed by itself.
class TlsTest : public testing::Test {
protected:
    TlsTest() : folder_(std::filesystem::path(testing::TempDir()) / new_id()) {
        std::filesystem::create_directories(folder_);
        EVP_PKEY* key = EVP_EC_gen("P-256");
        X509* certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_NAME* name = X509_get_subject_name(certificate);
        const auto* text = reinterpret_cast<const unsigned char*>("localhost");
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
        X509_set_issuer_name(certificate, name);
        X509_EXTENSION* names =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
        X509_add_ext(certificate, names, -1);
        X509_EXTENSION_free(names);
        X509_sign(certificate, key, EVP_sha256());
        std::FILE* file = std::fopen((folder_ / "cert.pem").c_str(), "w");
        PEM_write_X509(file, certificate);
        std::fclose(file);
        file = std::fopen((folder_ / "key.pem").c_str(), "w");
        PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
        X509_free(certificate);
        EVP_PKEY_free(key);
        router_.get("/hello", kPublic, [](const Request&) {
            return Response{.content_type = "text/plain", .body = "hello"};
        });
        router_.post("/echo", kPublic, [](const Request& r) {
            return Response{.content_type = "text/plain", .body = r.body};
        });
        options_.has_access_log = false;
        options_.tls = TlsFiles{folder_ / "cert.pem", folder_ / "key.pem"};
    }

    ~TlsTest() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    void start() {
        auto server = Server::start(options_, router_);
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
    }

    Client trusting() const { return Client({.tls = {.ca_file = folder_ / "cert.pem"}}); }

    std::filesystem::path folder_;
    Router router_;
    ServerOptions options_;
    std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, SpeaksToAClientThatKnowsItsCertificate) {
    start();
    Client client = trusting();
    for (int i = 0; i < 3; ++i) {
        const auto response = client.get(server_->url() + "/hello");
        ASSERT_TRUE(response) << response.error().message;
        EXPECT_EQ(response->body, "hello");
    }
    EXPECT_EQ(client.get("https://localhost:" + std::to_string(server_->port()) + "/hello")->status, 200);
    const std::string large(3'000'000, 'y');
    const auto echoed = client.send({.method = "POST", .url = server_->url() + "/echo", .body = large});
    ASSERT_TRUE(echoed) << echoed.error().message;
    EXPECT_TRUE(echoed->body == large);
}

TEST_F(TlsTest, IsRefusedByAClientThatDoesNotKnowItsCertificate) {
    start();
    const auto response = Client().get(server_->url() + "/hello");
    ASSERT_FALSE(response);
    EXPECT_TRUE(response.error().message.contains("certificate verify failed")) << response.error().message;
    EXPECT_EQ(Client({.tls = {.verify_peer = false}}).get(server_->url() + "/hello")->status, 200);
}

TEST_F(TlsTest, IsRefusedUnderANameThatItsCertificateLacks) {
    options_.address = "0.0.0.0";
    start();
    const auto response = trusting().get("https://127.0.0.2:" + std::to_string(server_->port()) + "/hello");
    ASSERT_FALSE(response);
    EXPECT_TRUE(response.error().message.contains("certificate verify failed")) << response.error().message;
}

TEST_F(TlsTest, StreamsAndNoticesThatTheClientLeft) {
    std::atomic<bool> is_cancelled = false;
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        for (int i = 0; i < 3; ++i) {
            (void)sink.send({.data = std::to_string(i)});
        }
        while (sink.wait(60'000)) {
        }
        is_cancelled = true;
        return {};
    });
    start();
    int seen = 0;
    const auto response =
        trusting().events({.url = server_->url() + "/stream"}, [&](const SseEvent&) -> Result<void> {
            return ++seen < 3 ? Result<void>() : Error{ErrorCode::kConflict, "enough"};
        });
    EXPECT_FALSE(response);
    EXPECT_TRUE(server_->drain(20'000));
    EXPECT_TRUE(is_cancelled);
}

TEST_F(TlsTest, GivesUpOnASlowHandshake) {
    options_.limits.tls_handshake_ms_max = 100;
    start();
    TestPeer peer(server_->port());
    EXPECT_EQ(peer.read_to_end(), "");
}

TEST_F(TlsTest, ClosesOnPlainText) {
    start();
    TestPeer peer(server_->port());
    peer.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_FALSE(peer.read_to_end().contains("hello"));
}

TEST_F(TlsTest, SaysWhichFileIsNoCertificate) {
    options_.tls->certificate = folder_ / "none.pem";
    const auto server = Server::start(options_, router_);
    ASSERT_FALSE(server);
    EXPECT_TRUE(server.error().message.contains("none.pem")) << server.error().message;
}

}  // namespace
}  // namespace capstan::http
