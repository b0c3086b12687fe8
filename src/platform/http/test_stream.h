#pragma once

// A server with a stream at /stream, for tests.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "platform/http/client.h"
#include "platform/http/server.h"
#include "platform/http/stream.h"

namespace capstan::http {

inline constexpr std::string_view kGet = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";

class StreamTest : public testing::Test {
protected:
    StreamTest() {
        options_.has_access_log = false;
        options_.io = &io_;
    }

    ~StreamTest() override { server_.reset(); }

    void start() {
        auto server = Server::start(options_, router_);
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
    }

    void stream(StreamHandler handler) {
        add_stream(
            router_, {.method = "GET", .pattern = "/stream", .permission = "public"}, std::move(handler)
        );
    }

    std::string url() const { return server_->url() + "/stream"; }

    // Whether `condition` becomes true within 20 s.
    static bool becomes_true(const std::function<bool()>& condition) {
        const std::int64_t until_ms = monotonic_now_ms() + 20'000;
        while (!condition() && monotonic_now_ms() < until_ms) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return condition();
    }

    IoThreads io_;
    ServerOptions options_;
    Router router_;
    Client client_;
    std::unique_ptr<Server> server_;
};

}  // namespace capstan::http
