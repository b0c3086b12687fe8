// The gateway's shape: an upstream stream passed on to a client, piece by piece.

#include <atomic>

#include <gtest/gtest.h>

#include "platform/http/async_client.h"
#include "platform/http/json_reply.h"
#include "platform/http/test_peer.h"
#include "platform/http/test_stream.h"

namespace capstan::http {
namespace {

class RelayTest : public StreamTest {
protected:
    RelayTest() : upstream_client_(io_) {
        upstream_options_.has_access_log = false;
        upstream_options_.io = &io_;
        upstream_router_.events("/events", kPublic, [this](const Request&, EventSink& sink) -> Result<void> {
            Result<void> sent;
            for (int i = 0; sent && (events_ < 0 || i < events_); ++i) {
                sent = sink.send({.data = std::to_string(i) + std::string(4000, '.')});
                ++sent_;
            }
            is_cancelled_ = !sent;
            return sent;
        });
        stream([this](const Request&, StreamWriter& writer) -> Task<void> { return relay(writer); });
    }

    ~RelayTest() override { server_.reset(); }

    Task<void> relay(StreamWriter& writer) {
        ClientRequest request{.url = upstream_->url() + "/events"};
        request.limits.total_ms_max = 0;
        auto opened = co_await upstream_client_.open(std::move(request));
        if (!opened) {
            (void)co_await writer.respond(reply(opened.error()));
            co_return;
        }
        Result<void> going = co_await writer.start(opened->status(), {{"Content-Type", "text/event-stream"}});
        while (going) {
            const auto piece = co_await opened->read();
            if (!piece || piece->empty()) {
                break;
            }
            going = co_await writer.write(*piece);
        }
    }

    void start_both() {
        auto upstream = Server::start(upstream_options_, upstream_router_);
        ASSERT_TRUE(upstream);
        upstream_ = std::move(*upstream);
        start();
    }

    int events_ = -1;  // Without end.
    std::atomic<int> sent_ = 0;
    std::atomic<bool> is_cancelled_ = false;
    ServerOptions upstream_options_;
    Router upstream_router_;
    AsyncClient upstream_client_;
    std::unique_ptr<Server> upstream_;
};

TEST_F(RelayTest, PassesEverythingOn) {
    events_ = 500;
    start_both();
    for (int round = 0; round < 2; ++round) {  // The second on a kept upstream connection.
        int seen = 0;
        const auto response = client_.events({.url = url()}, [&](const SseEvent& event) -> Result<void> {
            EXPECT_EQ(event.data, std::to_string(seen) + std::string(4000, '.'));
            ++seen;
            return {};
        });
        ASSERT_TRUE(response) << response.error().message;
        EXPECT_EQ(seen, 500);
    }
}

TEST_F(RelayTest, CancelsUpstreamWhenTheClientLeaves) {
    start_both();
    TestPeer peer(server_->port());
    peer.send(kGet);
    peer.read_until("data: 3");
    peer.close();
    EXPECT_TRUE(becomes_true([&] { return is_cancelled_.load(); }));
}

TEST_F(RelayTest, ASlowClientSlowsTheUpstream) {
    options_.limits.send_buffer_bytes = 64 << 10;
    upstream_options_.limits.send_buffer_bytes = 64 << 10;
    start_both();
    TestPeer peer(server_->port(), 32 << 10);
    peer.send(kGet);
    int before = -1;
    while (before != sent_ || before == 0) {
        before = sent_;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    EXPECT_LT(sent_ * 4, 16 << 10) << "KiB went to a client that reads nothing";
}

TEST_F(RelayTest, SaysThatTheUpstreamIsNotThere) {
    start_both();
    upstream_->stop();
    EXPECT_EQ(client_.get(url())->status, 503);
}

}  // namespace
}  // namespace capstan::http
