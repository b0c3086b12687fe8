#pragma once

// For the tests of the gateway: the gateway's server in front of upstreams that a test scripts, all on real
// sockets, with real keys, prices and event log.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "gateway/room.h"
#include "llm/openai_wire.h"
#include "platform/events/local_event_log.h"
#include "platform/http/client.h"
#include "platform/http/json_reply.h"
#include "platform/http/server.h"
#include "platform/sql/database.h"
#include "security/authenticator.h"
#include "security/room.h"
#include "spend/room.h"

namespace capstan::gateway {

// A server that speaks OpenAI's API as a test wants it to.
class FakeUpstream {
public:
    // How the next calls are answered.
    struct Script {
        int status = 200;
        std::string body;  // Of a status that is not 200; or, when set, instead of the stream.
        std::vector<std::string> pieces = {"Hel", "lo"};
        bool is_endless = false;                // The pieces again and again.
        std::optional<std::size_t> breaks_off;  // Before the piece of that number.
        std::optional<std::size_t> hangs;       // The same.
        bool is_without_usage = false;
        std::string finish_reason = "stop";
        std::string error_chunk;  // After the pieces, instead of the end.
        std::string raw_tail;     // The same, as it is.
    };

    FakeUpstream() {
        const auto answer = [this](const http::Request& request) { return this->answer(request); };
        router_.post("/v1/chat/completions", http::kPublic, answer);
        router_.post("/v1/completions", http::kPublic, answer);
        http::ServerOptions options;
        options.has_access_log = false;
        options.limits.send_buffer_bytes = 64 << 10;
        server_ = http::Server::start(options, router_).value();
    }

    ~FakeUpstream() {
        {
            const std::scoped_lock lock(mutex_);
            is_over_ = true;
            changed_.notify_all();
        }
        server_->stop();
    }

    void play(Script script) {
        const std::scoped_lock lock(mutex_);
        script_ = std::move(script);
    }

    Upstream upstream(std::string model = "engine-model") const {
        return {.url = server_->url(), .model = std::move(model)};
    }

    int calls() const { return calls_; }

    int streams_ended() const { return streams_ended_; }  // By their end, or by being dropped.

    std::int64_t pieces_taken() const { return pieces_taken_; }

    Json last_body() const {
        const std::scoped_lock lock(mutex_);
        return last_body_;
    }

private:
    struct Stream {
        explicit Stream(FakeUpstream& upstream) : owner(upstream) {}

        ~Stream() { ++owner.streams_ended_; }

        Stream(const Stream&) = delete;
        Stream& operator=(const Stream&) = delete;

        FakeUpstream& owner;
        Script script;
        llm::AnswerHead head;
        std::string start;  // Before the pieces: the role, or the echo.
        std::size_t next = 0;
        bool is_over = false;
    };

    static std::string sse(const std::string& data) { return "data: " + data + "\n\n"; }

    http::Response answer(const http::Request& request) {
        const bool is_chat = request.path.contains("chat");
        auto stream = std::make_shared<Stream>(*this);
        {
            const std::scoped_lock lock(mutex_);
            last_body_ = parse_json(request.body).value();
            stream->script = script_;
        }
        ++calls_;
        if (stream->script.status != 200 || !stream->script.body.empty()) {
            return {.status = stream->script.status, .body = stream->script.body};
        }
        stream->head = {
            .kind = is_chat ? llm::CallKind::kChat : llm::CallKind::kCompletion,
            .id = "upstream-id",
            .model = "engine-model",
            .created_s = 1
        };
        const Json body = parse_json(request.body).value();
        if (is_chat) {
            stream->start = sse(llm::role_chunk(stream->head, 0, true));
        } else if (body.bool_or("echo", false)) {
            stream->start =
                sse(llm::choice_chunk(stream->head, {.text = body.string_or("prompt", "")}, true));
        }
        http::Response response{.status = 200, .content_type = "text/event-stream"};
        response.source = [stream] { return next_part(*stream); };
        return response;
    }

    static Result<std::string> next_part(Stream& stream) {
        const Script& script = stream.script;
        if (stream.is_over) {
            return std::string();
        }
        if (script.breaks_off == stream.next) {
            return Error{ErrorCode::kUnavailable, "scripted"};
        }
        if (script.hangs == stream.next) {
            stream.owner.wait_until_over();
            return std::string();
        }
        if (script.is_endless || stream.next < script.pieces.size()) {
            ++stream.owner.pieces_taken_;
            const std::string& piece = script.pieces[stream.next++ % script.pieces.size()];
            return std::exchange(stream.start, "") +
                   sse(llm::choice_chunk(stream.head, {.text = piece}, true));
        }
        stream.is_over = true;
        if (!script.error_chunk.empty() || !script.raw_tail.empty()) {
            return script.error_chunk.empty() ? script.raw_tail : sse(script.error_chunk);
        }
        return end_of(stream);
    }

    static std::string end_of(const Stream& stream) {
        const Script& script = stream.script;
        std::string end = sse(llm::choice_chunk(stream.head, {.finish_reason = script.finish_reason}, true));
        if (!script.is_without_usage) {
            end += sse(llm::usage_chunk(
                stream.head, {.prompt_tokens = 7, .completion_tokens = 5, .cached_prompt_tokens = 0}
            ));
        }
        return end + sse("[DONE]");
    }

    void wait_until_over() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_over_; });
    }

    mutable std::mutex mutex_;  // Guards the next four.
    std::condition_variable changed_;
    Script script_;
    Json last_body_;
    bool is_over_ = false;
    std::atomic<int> calls_ = 0;
    std::atomic<int> streams_ended_ = 0;
    std::atomic<std::int64_t> pieces_taken_ = 0;
    http::Router router_;
    std::unique_ptr<http::Server> server_;
};

// A port of this machine: refuses connections, or takes them and never answers.
class SilentPort {
public:
    explicit SilentPort(bool is_listening) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
        if (is_listening) {
            EXPECT_EQ(::listen(fd_, 16), 0);
        }
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
    }

    ~SilentPort() { ::close(fd_); }

    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;

    Upstream upstream() const {
        return {.url = "http://127.0.0.1:" + std::to_string(port_), .model = "engine-model"};
    }

private:
    int fd_;
    std::uint16_t port_ = 0;
};

// What a streamed answer said.
struct Streamed {
    int status = 0;
    std::vector<Json> chunks;
    std::string text;
    bool is_done = false;  // "[DONE]" came, as the last.
    std::string target;
    std::string error;  // Of an error event.
};

class GatewayTest : public testing::Test {
protected:
    GatewayTest() : folder_(std::filesystem::path(testing::TempDir()) / ("capstan-gateway-" + new_id())) {
        std::filesystem::create_directories(folder_);
        options_.has_access_log = false;
        options_.io = &io_;
    }

    ~GatewayTest() override {
        server_.reset();
        gateway_.reset();
        io_.stop();
        log_.reset();
        std::filesystem::remove_all(folder_);
    }

    void SetUp() override {
        database_ = std::make_unique<sql::Database>(
            sql::Database::open({.url = "sqlite://" + (folder_ / "t.db").string()}).value()
        );
        ASSERT_TRUE(sql::migrate(*database_, {security::migrations(), spend::migrations()}));
        keys_ =
            security::KeyService::open({.database = *database_, .next_id = new_id, .now_ms = system_now_ms})
                .value();
        spend_ = spend::SpendService::open({.database = *database_, .now_ms = system_now_ms}).value();
        const auto admin = keys_->bootstrap().value();
        admin_ = admin.key;
        secret_ = admin.secret;
        ASSERT_TRUE(spend_->set_price({admin_.project_id, "man", 100, 2000}));
        log_ = events::LocalEventLog::open({.folder = folder_ / "events"}).value();
    }

    // After the test has set `options_` and `upstream_idle_ms_max_`.
    void start(std::vector<RouteTarget> targets) {
        gateway_.emplace(Room::Inputs{
            .log = *log_,
            .spend = *spend_,
            .io = io_,
            .metrics = metrics_,
            .upstream_idle_ms_max = upstream_idle_ms_max_
        });
        gateway_->add_routes(router_);
        router_.authenticate_with(security::make_authenticator(*keys_));
        server_ = http::Server::start(options_, router_).value();
        route(std::move(targets));
    }

    void route(std::vector<RouteTarget> targets) {
        Route man{.project_id = admin_.project_id, .name = "man", .created_ms = 5000, .targets = {}};
        man.targets = std::move(targets);
        gateway_->routes().replace({std::move(man)});
    }

    static RouteTarget target(std::string label, std::vector<Upstream> upstreams, std::int64_t weight = 1) {
        RouteTarget made;
        made.target.id = "id-" + label;
        made.target.label = std::move(label);
        made.target.model = "man-small";
        made.target.number = 3;
        made.target.weight = weight;
        made.upstreams = std::move(upstreams);
        return made;
    }

    http::ClientRequest request(std::string path, const Json& body) const {
        http::ClientRequest asked{.method = "POST", .url = server_->url() + path};
        asked.headers.add("Authorization", "Bearer " + secret_);
        asked.headers.add("Content-Type", "application/json");
        asked.body = body.dump();
        return asked;
    }

    static Json chat(bool is_stream = false) {
        Json body = Json::object(
            {{"model", "man"},
             {"messages", Json::array({Json::object({{"role", "user"}, {"content", "What is ls?"}})})}}
        );
        if (is_stream) {
            body.set("stream", true);
        }
        return body;
    }

    http::ClientResponse ask(const Json& body, std::string path = "/v1/chat/completions") {
        const auto response = client_.send(request(std::move(path), body));
        EXPECT_TRUE(response) << response.error().message;
        return response.value_or(http::ClientResponse{});
    }

    Streamed ask_stream(const Json& body, std::string path = "/v1/chat/completions") {
        Streamed seen;
        const auto response =
            client_.events(request(std::move(path), body), [&](const http::SseEvent& event) -> Result<void> {
                EXPECT_FALSE(seen.is_done) << "after [DONE]: " << event.data;
                if (event.data == "[DONE]") {
                    seen.is_done = true;
                    return {};
                }
                seen.chunks.push_back(parse_json(event.data).value());
                if (const auto part = llm::parse_answer_part(seen.chunks.back())) {
                    seen.text += part->text;
                } else {
                    seen.error = part.error().message;
                }
                return {};
            });
        EXPECT_TRUE(response) << response.error().message;
        if (response) {
            seen.status = response->status;
            seen.target = response->headers.get("x-capstan-target");
        }
        return seen;
    }

    // The payloads of all events so far, waiting up to 20 s until there are `count`.
    std::vector<Json> recorded(std::size_t count) {
        std::vector<Json> payloads;
        const std::int64_t until_ms = monotonic_now_ms() + 20'000;
        do {
            payloads.clear();
            const auto polled = log_->poll(
                {.topic = std::string(kCompletionsTopic),
                 .consumer = "test",
                 .events_max = 10'000,
                 .wait_ms = 50}
            );
            for (const auto& event : polled ? polled->events : std::vector<events::Event>()) {
                EXPECT_EQ(event.type, kCompletionFinished);
                payloads.push_back(parse_json(event.payload).value());
                EXPECT_EQ(event.id, payloads.back().string_or("id", ""));
            }
        } while (payloads.size() < count && monotonic_now_ms() < until_ms);
        EXPECT_EQ(payloads.size(), count);
        payloads.resize(count);
        return payloads;
    }

    static bool becomes_true(const std::function<bool()>& condition) {
        const std::int64_t until_ms = monotonic_now_ms() + 20'000;
        while (!condition() && monotonic_now_ms() < until_ms) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return condition();
    }

    const std::filesystem::path folder_;
    http::IoThreads io_;
    http::MetricRegistry metrics_;
    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<security::KeyService> keys_;
    std::unique_ptr<spend::SpendService> spend_;
    std::unique_ptr<events::LocalEventLog> log_;
    security::ApiKey admin_;
    std::string secret_;
    std::int64_t upstream_idle_ms_max_ = 60'000;
    http::ServerOptions options_;
    FakeUpstream upstream_;  // Outlives the gateway, whose streams it feeds.
    std::optional<Room> gateway_;
    http::Router router_;
    http::Client client_;
    std::unique_ptr<http::Server> server_;
};

}  // namespace capstan::gateway
