// One call of an encoder: its work on a worker, and an eye on its caller meanwhile.

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "platform/http/json_reply.h"
#include "platform/http/signal.h"
#include "platform/http/stream.h"
#include "serving/encoder_routes.h"
#include "serving/openai_reply.h"

namespace capstan::serving {
namespace {

using Answer = Result<Json>;

constexpr std::uint64_t kBodyBytesMax = std::uint64_t{32} << 20;
constexpr std::int64_t kLookAgainMs = 1000;

// What the coroutine and the worker share: either may end first.
struct EncoderWork {
    EncoderRoutes routes;
    EncoderHandler handler;
    http::Request request;
    std::stop_source stop = {};
    std::optional<http::Response> response = {};  // Before is_done.
    std::atomic<bool> is_done = false;
};

Result<void> check_model(const EncoderRoutes& routes, const Json& body) {
    const auto* model = body["model"].as_string();
    if (body["model"].is_null() || (model != nullptr && *model == routes.name)) {
        return {};
    }
    return Error{
        ErrorCode::kNotFound,
        "this engine serves no model '" + (model != nullptr ? model->substr(0, 100) : std::string()) + "'"
    };
}

// From now on.
Result<std::int64_t> deadline_ms_of(const EncoderWork& work, const Json& body) {
    const Json& asked = body["timeout_ms"];
    const std::int64_t timeout_ms = asked.is_null() ? timeout_of(work.request) : asked.as_int().value_or(-1);
    if (!asked.is_null() && timeout_ms < 1) {
        return Error{ErrorCode::kInvalid, "'timeout_ms' must be a number of milliseconds, at least 1"};
    }
    const std::int64_t most_ms = work.routes.deadline_ms_max;
    return timeout_ms == 0 ? most_ms : std::min(timeout_ms, most_ms);
}

Answer answer(const EncoderWork& work) {
    const auto body = http::read_json(work.request);
    if (!body) {
        return body.error();
    }
    if (auto known = check_model(work.routes, *body); !known) {
        return known.error();
    }
    const auto deadline_ms = deadline_ms_of(work, *body);
    if (!deadline_ms) {
        return deadline_ms.error();
    }
    auto made = work.handler(
        work.routes,
        *body,
        {.stop = work.stop.get_token(), .deadline_at_ms = monotonic_now_ms() + *deadline_ms}
    );
    if (!made && made.error().code == ErrorCode::kCancelled) {
        return Error{
            ErrorCode::kCancelled, fmt::format("the answer was not complete after {} ms", *deadline_ms)
        };
    }
    return made;
}

// Until the work is done; false when the caller is gone before.
http::Task<bool> wait_for(const std::shared_ptr<EncoderWork>& work, const http::Signal& signal) {
    while (!work->is_done) {
        if (const auto waited = co_await signal.wait(kLookAgainMs); !waited) {
            work->stop.request_stop();
            co_return false;
        }
    }
    co_return true;
}

http::Task<void> run(std::shared_ptr<EncoderWork> work, http::StreamWriter& writer) {
    const http::Signal signal = co_await http::Signal::here();
    http::WorkerPool::Work job = [work, signal] {
        const auto made = answer(*work);
        work->response = made ? http::reply(*made) : openai_error_response(made.error());
        work->is_done = true;
        signal.notify();
    };
    if (!writer.workers().submit(std::move(job))) {
        const Error busy = {ErrorCode::kExhausted, "the engine has as many calls as it takes; retry later"};
        [[maybe_unused]] const auto sent = co_await writer.respond(openai_error_response(busy));
        co_return;
    }
    if (co_await wait_for(work, signal)) {
        [[maybe_unused]] const auto sent = co_await writer.respond(std::move(*work->response));
    }
}

}  // namespace

void add_encoder_call(
    http::Router& router, std::string_view path, const EncoderRoutes& routes, EncoderHandler handler
) {
    http::Route route{
        .method = "POST", .pattern = std::string(path), .permission = std::string(http::kPublic)
    };
    route.options.body_bytes_max = kBodyBytesMax;
    http::add_stream(
        router,
        std::move(route),
        [routes, handler](const http::Request& request, http::StreamWriter& writer) -> http::Task<void> {
            return run(std::make_shared<EncoderWork>(routes, handler, request), writer);
        }
    );
}

}  // namespace capstan::serving
