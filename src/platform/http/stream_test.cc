// Streams: events from blocking handlers, coroutine handlers, and clients that are slow or leave.

#include <atomic>
#include <chrono>
#include <latch>
#include <semaphore>
#include <thread>

#include <gtest/gtest.h>

#include "platform/http/json_reply.h"
#include "platform/http/test_peer.h"
#include "platform/http/test_stream.h"

namespace capstan::http {
namespace {

TEST_F(StreamTest, SendsEventsAsTheyCome) {
    std::counting_semaphore<> next(0);
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        for (int i = 0; i < 3; ++i) {
            next.acquire();
            const auto sent = sink.send(
                {.data = "line one\nline " + std::to_string(i), .event = "step", .id = std::to_string(i)}
            );
            if (!sent) {
                return sent;
            }
        }
        return {};
    });
    start();
    std::vector<std::string> seen;
    next.release();
    // Each event releases the next, so they can only all arrive when none waits for a later one.
    const auto response = client_.events({.url = url()}, [&](const SseEvent& event) -> Result<void> {
        seen.push_back(event.event + event.id + "=" + event.data);
        next.release();
        return {};
    });
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->headers.get("Content-Type"), "text/event-stream");
    EXPECT_EQ(
        seen,
        (std::vector<std::string>{
            "step0=line one\nline 0", "step1=line one\nline 1", "step2=line one\nline 2"
        })
    );
}

TEST_F(StreamTest, AnswersAnErrorBeforeTheFirstEventAsJson) {
    router_.events("/stream", kPublic, [](const Request&, EventSink&) -> Result<void> {
        return Error{ErrorCode::kNotFound, "no such run"};
    });
    start();
    const auto response = client_.events({.url = url()}, [](const SseEvent&) { return Result<void>(); });
    EXPECT_EQ(response->status, 404);
    EXPECT_TRUE(response->body.contains("no such run")) << response->body;
}

TEST_F(StreamTest, EndsAFailedStreamWithAnErrorEvent) {
    router_.events("/stream", kPublic, [](const Request&, EventSink& sink) -> Result<void> {
        (void)sink.send({.data = "one"});
        return Error{ErrorCode::kUnavailable, "the database went away"};
    });
    start();
    std::vector<SseEvent> seen;
    const auto response = client_.events({.url = url()}, [&](const SseEvent& event) {
        seen.push_back(event);
        return Result<void>();
    });
    ASSERT_TRUE(response) << response.error().message;
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[1].event, "error");
    EXPECT_TRUE(seen[1].data.contains("the database went away")) << seen[1].data;
}

TEST_F(StreamTest, GoesOnWithTheConnectionAfterAStream) {
    router_.events("/stream", kPublic, [](const Request&, EventSink& sink) {
        return sink.send({.data = "x"});
    });
    start();
    TestPeer peer(server_->port());
    for (int i = 0; i < 3; ++i) {
        peer.send(kGet);
        EXPECT_TRUE(peer.read_until("\r\n0\r\n\r\n").contains("data: x\n\n"));
    }
}

TEST_F(StreamTest, ASlowClientHoldsTheSenderBack) {
    options_.limits.send_buffer_bytes = 64 << 10;
    std::atomic<int> sent = 0;
    std::atomic<bool> is_cancelled = false;
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        const std::string data(16 << 10, 'x');
        while (true) {
            const auto done = sink.send({.data = data});
            if (!done) {
                is_cancelled = done.error().code == ErrorCode::kCancelled;
                return done;
            }
            ++sent;
        }
    });
    start();
    TestPeer peer(server_->port(), 32 << 10);
    peer.send(kGet);
    int before = -1;
    while (before != sent || before == 0) {  // Until nothing moves any more.
        before = sent;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    // What the two kernel buffers took (Linux doubles them), and one event in our hands: not a gigabyte.
    EXPECT_LT(sent * 16, 1024) << "KiB were taken from a client that reads nothing";
    peer.close();
    EXPECT_TRUE(becomes_true([&] { return is_cancelled.load(); }));
}

TEST_F(StreamTest, CancelsAClientThatTakesNothing) {
    options_.limits.send_buffer_bytes = 32 << 10;
    options_.limits.write_ms_max = 300;
    std::atomic<bool> is_cancelled = false;
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        Result<void> sent;
        while (sent) {
            sent = sink.send({.data = std::string(16 << 10, 'x')});
        }
        is_cancelled = sent.error().code == ErrorCode::kCancelled;
        return sent;
    });
    start();
    TestPeer peer(server_->port(), 16 << 10);
    peer.send(kGet);
    EXPECT_TRUE(becomes_true([&] { return is_cancelled.load(); }));
}

TEST_F(StreamTest, TellsAWaitingHandlerThatTheClientIsGone) {
    std::latch begun(1);
    std::atomic<bool> is_over = false;
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        (void)sink.send({.data = "x"});
        begun.count_down();
        while (sink.wait(60'000)) {
        }
        is_over = sink.is_cancelled() && !sink.send({.data = "y"});
        return {};
    });
    start();
    TestPeer peer(server_->port());
    peer.send(kGet);
    begun.wait();
    peer.close();
    EXPECT_TRUE(becomes_true([&] { return is_over.load(); }));
}

TEST_F(StreamTest, NoticesTheEndOfAClientThatSentMoreBefore) {
    std::latch begun(1);
    std::atomic<bool> is_over = false;
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        begun.count_down();
        while (sink.wait(60'000)) {
        }
        is_over = true;
        return {};
    });
    start();
    TestPeer peer(server_->port());
    peer.send(kGet);
    begun.wait();
    peer.send(kGet);  // A pipelined request lies unread before the end.
    peer.close();
    EXPECT_TRUE(becomes_true([&] { return is_over.load(); }));
}

TEST_F(StreamTest, RefusesMoreStreamsThanAllowed) {
    options_.event_streams_max = 1;
    std::latch begun(1);
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        begun.count_down();
        while (sink.wait(60'000)) {
        }
        return {};
    });
    start();
    TestPeer peer(server_->port());
    peer.send(kGet);
    begun.wait();
    EXPECT_EQ(client_.get(url())->status, 503);
}

TEST_F(StreamTest, StopEndsOpenStreams) {
    std::latch begun(1);
    router_.events("/stream", kPublic, [&](const Request&, EventSink& sink) -> Result<void> {
        begun.count_down();
        while (sink.wait(60'000)) {
        }
        return {};
    });
    start();
    TestPeer peer(server_->port());
    peer.send(kGet);
    begun.wait();
    server_->stop();
    EXPECT_EQ(peer.read_to_end(), "");
}

TEST_F(StreamTest, ACoroutineWritesAStream) {
    stream([](const Request&, StreamWriter& writer) -> Task<void> {
        (void)co_await writer.start(200, {{"Content-Type", "text/plain"}});
        for (int i = 0; i < 3; ++i) {
            (void)co_await sleep_for(5);
            (void)co_await writer.write("piece " + std::to_string(i) + "\n");
        }
    });
    start();
    const auto response = client_.get(url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "piece 0\npiece 1\npiece 2\n");
    EXPECT_EQ(client_.get(url())->status, 200);
}

TEST_F(StreamTest, ACoroutineMayAnswerWhole) {
    stream([](const Request&, StreamWriter& writer) -> Task<void> {
        (void)co_await writer.respond(reply(Error{ErrorCode::kExhausted, "the budget is spent"}));
    });
    start();
    const auto response = client_.get(url());
    EXPECT_EQ(response->status, 429);
    EXPECT_EQ(response->headers.get("Retry-After"), "1");
}

TEST_F(StreamTest, ACoroutineWithoutAnAnswerIsAnsweredFor) {
    stream([](const Request&, StreamWriter&) -> Task<void> { co_return; });
    start();
    EXPECT_EQ(client_.get(url())->status, 500);
}

TEST_F(StreamTest, ACoroutineThatThrowsDoesNotEndTheServer) {
    stream([](const Request&, StreamWriter& writer) -> Task<void> {
        (void)co_await writer.start(200, {});
        throw std::runtime_error("broken");
    });
    start();
    const auto response = client_.get(url());
    EXPECT_FALSE(response);  // The stream has no proper end.
    EXPECT_EQ(client_.get(server_->url() + "/healthz")->status, 200);
}

TEST_F(StreamTest, ACoroutineIsCancelledWhenItsClientLeaves) {
    std::latch begun(1);
    std::atomic<int> ended = 0;
    stream([&](const Request&, StreamWriter& writer) -> Task<void> {
        (void)co_await writer.start(200, {});
        begun.count_down();
        const auto slept = co_await sleep_for(600'000);
        const auto written = co_await writer.write("late");
        ended = !slept && !written && writer.is_cancelled() ? 1 : 2;
    });
    start();
    TestPeer peer(server_->port());
    peer.send(kGet);
    begun.wait();
    peer.close();
    EXPECT_TRUE(becomes_true([&] { return ended != 0; }));
    EXPECT_EQ(ended, 1);
}

TEST_F(StreamTest, ACoroutineAsksTheAuthenticatorToo) {
    router_.authenticate_with([](const Request&, const Route& route) -> Result<Principal> {
        return Error{ErrorCode::kDenied, "you may not " + route.permission};
    });
    add_stream(
        router_,
        {.method = "POST", .pattern = "/stream", .permission = "models.use"},
        [](const Request&, StreamWriter& writer) -> Task<void> { (void)co_await writer.start(200, {}); }
    );
    start();
    EXPECT_EQ(client_.post_json(url(), "{}")->status, 403);
}

}  // namespace
}  // namespace capstan::http
