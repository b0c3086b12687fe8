// Calls that go wrong: bad requests, upstreams that fail in every way, callers that leave or do not read.

#include <string>
#include <thread>

#include "gateway/completions.h"
#include "gateway/test_gateway.h"
#include "platform/http/test_peer.h"

namespace capstan::gateway {
namespace {

std::string message_of(const http::ClientResponse& response) {
    const auto body = parse_json(response.body);
    return body ? (*body)["error"].string_or("message", "") : "not JSON: " + response.body;
}

FakeUpstream::Script script() {
    return {};
}

FakeUpstream::Script fails_with(int status, std::string body = "{}") {
    auto failing = script();
    failing.status = status;
    failing.body = std::move(body);
    return failing;
}

class GatewayFailureTest : public GatewayTest {
protected:
    // The call as bytes, for a peer that does not read.
    std::string raw_call(const Json& body) const {
        const std::string text = body.dump();
        return "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + secret_ +
               "\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
    }

    // One call that fails before its answer begins is told so, with a status, and recorded as an error.
    void expect_failure(int status, std::string_view message) {
        const auto response = ask(chat());
        EXPECT_EQ(response.status, status) << response.body;
        EXPECT_TRUE(message_of(response).contains(message)) << response.body;
        const Json call = recorded(1)[0];
        EXPECT_EQ(call.string_or("status", ""), "error");
        EXPECT_TRUE(call.string_or("error", "").contains(message)) << call.dump();
    }
};

TEST_F(GatewayFailureTest, RefusesWhatIsNoCall) {
    start({target("base", {upstream_.upstream()})});
    Json no_messages = Json::object({{"model", "man"}});
    Json too_hot = chat();
    too_hot.set("temperature", 3);
    Json long_user = chat();
    long_user.set("user", std::string(600, 'u'));
    for (const Json& bad : {Json::object(), no_messages, too_hot, long_user, Json(5), Json("x")}) {
        const auto response = ask(bad);
        EXPECT_EQ(response.status, 400) << bad.dump();
        EXPECT_FALSE(message_of(response).empty());
    }
    auto broken = request("/v1/chat/completions", Json());
    broken.body = "{\"model\":";
    EXPECT_EQ(client_.send(broken)->status, 400);
    const Json mixed = Json::object({{"model", "man"}, {"prompt", Json::array({1, "a"})}});
    EXPECT_EQ(ask(mixed, "/v1/completions").status, 400);
    EXPECT_EQ(upstream_.calls(), 0);
    recorded(0);
}

TEST_F(GatewayFailureTest, RefusesAnUnknownModelAndAnotherProjects) {
    start({target("base", {upstream_.upstream()})});
    Json body = chat();
    body.set("model", "nine");
    const auto response = ask(body);
    EXPECT_EQ(response.status, 404);
    EXPECT_TRUE(message_of(response).contains("'nine'"));
    gateway_->routes().replace({Route{.project_id = "other", .name = "man", .targets = {}}});
    EXPECT_EQ(ask(chat()).status, 404);
}

TEST_F(GatewayFailureTest, RefusesCallersWithoutAKeyOrTheRight) {
    start({target("base", {upstream_.upstream()})});
    auto asked = request("/v1/chat/completions", chat());
    asked.headers.remove("Authorization");
    EXPECT_EQ(client_.send(asked)->status, 401);
    asked.headers.set("Authorization", "Bearer cap_wrong");
    EXPECT_EQ(client_.send(asked)->status, 401);
    const auto viewer =
        keys_->create(admin_, {.name = "v", .principal_name = "v", .role = security::Role::kViewer});
    asked.headers.set("Authorization", "Bearer " + viewer->secret);
    EXPECT_EQ(client_.send(asked)->status, 403);
    EXPECT_EQ(upstream_.calls(), 0);
    recorded(0);
}

TEST_F(GatewayFailureTest, IsUnavailableWithoutReplicas) {
    start({target("base", {})});
    EXPECT_EQ(ask(chat()).headers.get("Retry-After"), "1");
    EXPECT_EQ(recorded(1)[0].string_or("status", ""), "error");
}

TEST_F(GatewayFailureTest, ACallWaitsForAReplicaThatIsComing) {
    FakeUpstream upstream;
    RouteTarget sleeping = target("base", {});
    sleeping.is_coming = true;
    start({sleeping});
    gateway_->awaited().on_add([&] {  // As the keeper does: somebody calls, so a replica starts.
        EXPECT_EQ(gateway_->awaited().take(), std::set<std::string>{"id-base"});
        route({target("base", {upstream.upstream()})});
    });
    const auto response = ask(chat());
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(upstream.calls(), 1);
}

TEST_F(GatewayFailureTest, ACallIsNotHeldUpByASleepingTargetWhenAnotherAnswersButWakesIt) {
    FakeUpstream upstream;
    RouteTarget sleeping = target("asleep", {}, 1'000'000);
    sleeping.is_coming = true;
    start({sleeping, target("awake", {upstream.upstream()}, 1)});
    EXPECT_EQ(ask(chat()).status, 200);
    EXPECT_EQ(gateway_->awaited().take(), std::set<std::string>{"id-asleep"});
}

TEST_F(GatewayFailureTest, PassesOverUpstreamsThatRefuseFailOrAreFull) {
    const SilentPort refusing(false);
    FakeUpstream failing;
    FakeUpstream full;
    FakeUpstream stranger;
    failing.play(fails_with(500));
    full.play(fails_with(429));
    stranger.play(fails_with(404));
    start(
        {target(
             "base", {refusing.upstream(), failing.upstream(), full.upstream(), stranger.upstream()}, 100'000
         ),
         target("adapted", {upstream_.upstream()}, 1)}
    );
    Json body = chat();
    body.set("user", "someone");
    const auto response = ask(body);
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.headers.get("x-capstan-target"), "adapted");
    EXPECT_EQ(failing.calls() + full.calls() + stranger.calls(), 3);
    const Json call = recorded(1)[0];
    EXPECT_EQ(call.string_or("target_label", ""), "adapted");
    const Json& attributes = (*call["spans"].as_array())[1]["attributes"];
    EXPECT_EQ(attributes.int_or("attempts_before", 0), 4);
    EXPECT_TRUE(attributes.bool_or("is_fallback", false));
}

TEST_F(GatewayFailureTest, PassesOverAnUpstreamThatNeverAnswers) {
    const SilentPort silent(true);
    upstream_idle_ms_max_ = 200;
    start({target("base", {silent.upstream()}, 100'000), target("adapted", {upstream_.upstream()}, 1)});
    EXPECT_EQ(ask(chat()).headers.get("x-capstan-target"), "adapted");
    recorded(1);
}

TEST_F(GatewayFailureTest, SaysSoWhenNoUpstreamAnswers) {
    const SilentPort silent(true);
    upstream_idle_ms_max_ = 200;
    start({target("base", {silent.upstream()})});
    expect_failure(503, "out of time");
}

TEST_F(GatewayFailureTest, TellsTheCallerWhatTheUpstreamSaysOfTheRequest) {
    upstream_.play(fails_with(400, R"({"error":{"message":"the prompt has 900 tokens; 512 fit"}})"));
    FakeUpstream other;
    start({target("base", {upstream_.upstream()}, 100'000), target("adapted", {other.upstream()}, 1)});
    expect_failure(400, "512 fit");
    EXPECT_EQ(other.calls(), 0) << "another replica would say the same";
}

TEST_F(GatewayFailureTest, SaysThatAllUpstreamsAreFull) {
    upstream_.play(fails_with(429, R"({"error":{"message":"as many calls as it takes"}})"));
    start({target("base", {upstream_.upstream()})});
    expect_failure(429, "as many calls");
}

TEST_F(GatewayFailureTest, AFailureInMidStreamIsAnErrorEvent) {
    auto breaking = script();
    breaking.breaks_off = 1;
    upstream_.play(breaking);
    start({target("base", {upstream_.upstream()})});
    const Streamed seen = ask_stream(chat(true));
    EXPECT_EQ(seen.status, 200);
    EXPECT_EQ(seen.text, "Hel");
    EXPECT_FALSE(seen.error.empty());
    EXPECT_FALSE(seen.is_done);
    const Json call = recorded(1)[0];
    EXPECT_EQ(call.string_or("status", ""), "error");
    EXPECT_EQ(call.string_or("output", ""), "Hel");
    EXPECT_EQ(call.int_or("completion_tokens", 0), 1) << "what was made is paid for";
    EXPECT_EQ(call.int_or("cost_nano_usd", 0), 2000);
}

TEST_F(GatewayFailureTest, AFailureInMidAnswerIsAStatusForACallThatDoesNotStream) {
    auto breaking = script();
    breaking.breaks_off = 1;
    upstream_.play(breaking);
    start({target("base", {upstream_.upstream()})});
    expect_failure(503, "");
}

TEST_F(GatewayFailureTest, AnErrorChunkIsTheUpstreamsFailure) {
    auto failing = script();
    failing.error_chunk = R"({"error":{"message":"out of memory"}})";
    upstream_.play(failing);
    start({target("base", {upstream_.upstream()})});
    EXPECT_EQ(ask_stream(chat(true)).error, "out of memory");
    EXPECT_EQ(recorded(1)[0].string_or("error", ""), "out of memory");
}

TEST_F(GatewayFailureTest, AnUpstreamThatFallsSilentInMidStreamIsAFailure) {
    auto hanging = script();
    hanging.hangs = 1;
    upstream_.play(hanging);
    upstream_idle_ms_max_ = 200;
    start({target("base", {upstream_.upstream()})});
    const Streamed seen = ask_stream(chat(true));
    EXPECT_EQ(seen.text, "Hel");
    EXPECT_TRUE(seen.error.contains("out of time")) << seen.error;
    EXPECT_EQ(recorded(1)[0].string_or("status", ""), "error");
}

TEST_F(GatewayFailureTest, GarbageFromTheUpstreamIsAFailure) {
    start({target("base", {upstream_.upstream()})});
    const std::string huge = "data: " + std::string(3 << 20, 'x') + "\n\n";
    std::size_t calls = 0;
    for (const std::string& garbage :
         {std::string("data: not json\n\n"),
          std::string("data: 7\n\n"),
          std::string("\xff\xfe\x00\n\n", 5),
          std::string("data: {\"choices\":[]}\n\n"),
          huge}) {
        auto sending = script();
        sending.raw_tail = garbage;
        upstream_.play(sending);
        EXPECT_EQ(ask(chat()).status, 503) << garbage.substr(0, 50);
        const Streamed seen = ask_stream(chat(true));
        EXPECT_FALSE(seen.error.empty()) << garbage.substr(0, 50);
        EXPECT_FALSE(seen.is_done);
        calls += 2;
    }
    for (const Json& call : recorded(calls)) {
        EXPECT_EQ(call.string_or("status", ""), "error");
    }
}

TEST_F(GatewayFailureTest, AUsageThatCannotBeIsNotBilled) {
    auto lying = script();
    lying.raw_tail =
        "data: "
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":9000000000000000000,\"completion_tokens\":-5}}\n\n"
        "data: [DONE]\n\n";
    upstream_.play(lying);
    start({target("base", {upstream_.upstream()})});
    EXPECT_EQ(ask(chat()).status, 200);
    EXPECT_EQ(recorded(1)[0].int_or("cost_nano_usd", 0), 2 * 2000);
}

TEST_F(GatewayFailureTest, ACallerWhoLeavesCancelsTheUpstreamAndIsRecorded) {
    auto endless = script();
    endless.is_endless = true;
    endless.pieces = {"a piece "};
    upstream_.play(endless);
    start({target("base", {upstream_.upstream()})});
    for (const bool is_stream : {true, false}) {
        http::TestPeer peer(server_->port());
        peer.send(raw_call(chat(is_stream)));
        if (is_stream) {
            peer.read_until("a piece ");
        } else {
            const auto before = upstream_.pieces_taken();
            ASSERT_TRUE(becomes_true([&] { return upstream_.pieces_taken() > before; }));
        }
        peer.close();
        ASSERT_TRUE(becomes_true([&] { return upstream_.streams_ended() == (is_stream ? 1 : 2); }));
    }
    for (const Json& call : recorded(2)) {
        EXPECT_EQ(call.string_or("status", ""), "cancelled");
        EXPECT_GT(call.int_or("completion_tokens", 0), 0) << "what was made is paid for";
    }
}

TEST_F(GatewayFailureTest, ACallerWhoLeavesBeforeTheFirstTokenIsRecordedAsCancelled) {
    const SilentPort silent(true);
    start({target("base", {silent.upstream()})});
    http::TestPeer peer(server_->port());
    peer.send(raw_call(chat(true)));
    peer.send("x");  // Until the server has read the call, its end would be that of a broken request.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    peer.close();
    EXPECT_EQ(recorded(1)[0].string_or("status", ""), "cancelled");
}

TEST_F(GatewayFailureTest, ASlowCallerHoldsTheUpstreamBack) {
    auto endless = script();
    endless.is_endless = true;
    endless.pieces = {std::string(16 << 10, 'x')};
    upstream_.play(endless);
    options_.limits.send_buffer_bytes = 64 << 10;
    start({target("base", {upstream_.upstream()})});
    http::TestPeer peer(server_->port(), 32 << 10);
    peer.send(raw_call(chat(true)));
    std::int64_t before = -1;
    while (before != upstream_.pieces_taken() || before == 0) {  // Until nothing moves any more.
        before = upstream_.pieces_taken();
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    EXPECT_LT(before * 16, 16'384) << "KiB were taken for a caller that reads nothing";
    peer.close();
    EXPECT_EQ(recorded(1)[0].string_or("status", ""), "cancelled");
}

TEST_F(GatewayFailureTest, ACallerWhoTakesNothingIsCancelled) {
    auto endless = script();
    endless.is_endless = true;
    endless.pieces = {std::string(16 << 10, 'x')};
    upstream_.play(endless);
    options_.limits.send_buffer_bytes = 32 << 10;
    options_.limits.write_ms_max = 300;
    start({target("base", {upstream_.upstream()})});
    http::TestPeer peer(server_->port(), 16 << 10);
    peer.send(raw_call(chat(true)));
    EXPECT_EQ(recorded(1)[0].string_or("status", ""), "cancelled");
    EXPECT_TRUE(becomes_true([&] { return upstream_.streams_ended() == 1; }));
}

TEST_F(GatewayFailureTest, ACallThatCannotBeRecordedIsNotSaidToBeDone) {
    log_.reset();
    log_ =
        events::LocalEventLog::open({.folder = folder_ / "small", .segment_bytes = 4096, .bytes_max = 16'384})
            .value();
    start({target("base", {upstream_.upstream()})});
    int status = ask(chat()).status;
    ASSERT_TRUE(log_->commit(kCompletionsTopic, "lagging", 0));
    for (int i = 0; i < 50 && status == 200; ++i) {
        status = ask(chat()).status;
    }
    EXPECT_EQ(status, 429);
    EXPECT_FALSE(ask_stream(chat(true)).is_done);
}

}  // namespace
}  // namespace capstan::gateway
