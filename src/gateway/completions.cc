#include "gateway/completions.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/log.h"
#include "gateway/call_record.h"
#include "gateway/upstream_call.h"
#include "llm/chunk_merger.h"
#include "llm/openai_wire.h"
#include "platform/http/json_reply.h"

namespace capstan::gateway {
namespace {

using http::Task;

constexpr std::int64_t kColdStartPollMs = 20;
constexpr std::uint64_t kBodyBytesMax = std::uint64_t{4} << 20;
constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;  // Of one that is not streamed.

// What the caller is told of an error; of our own faults, only where to find them in the log.
llm::OpenAiError shape(const Error& error, const std::string& request_id) {
    if (error.code != ErrorCode::kInternal) {
        return llm::openai_error(error);
    }
    log_error("internal error", {{"request_id", request_id}, {"error", error.message}});
    return llm::openai_error({error.code, "internal error; request id " + request_id});
}

http::Response error_response(const Error& error, const std::string& request_id) {
    auto shaped = shape(error, request_id);
    http::Response response{.status = shaped.status, .body = shaped.body.dump()};
    if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kExhausted) {
        response.headers.add("Retry-After", "1");
    }
    return response;
}

std::string sticky_key(const http::Request& request, const llm::OpenAiCall& call) {
    if (!call.user.empty()) {
        return call.user;
    }
    const std::string_view header = request.headers.get("x-capstan-sticky-key");
    return header.empty() ? request.request_id : std::string(header);
}

// One call, from its request to its record.
class Completion {
public:
    Completion(
        const GatewayInputs& inputs,
        const http::Request& request,
        http::StreamWriter& writer,
        llm::CallKind kind
    )
        : inputs_(inputs), request_(request), writer_(writer), kind_(kind) {}

    Task<void> run() {
        auto body = http::read_json(request_);
        auto call = body ? parse(*body) : Result<llm::OpenAiCall>(body.error());
        auto route = call ? inputs_.routes.find(request_.principal.project_id, call->model)
                          : Result<std::shared_ptr<const Route>>(call.error());
        if (!route) {
            count("refused");
            co_await respond(error_response(route.error(), request_.request_id));
            co_return;
        }
        call_ = std::move(*call);
        const bool is_chat = kind_ == llm::CallKind::kChat;
        record_.emplace(request_, *body, call_, (is_chat ? "chatcmpl-" : "cmpl-") + new_id());
        head_ = {
            .kind = kind_,
            .id = record_->response_id(),
            .model = call_.model,
            .created_s = record_->created_s()
        };
        body_ = std::move(*body);
        co_await answer(*route);
    }

private:
    Result<llm::OpenAiCall> parse(const Json& body) const {
        return kind_ == llm::CallKind::kChat ? llm::parse_chat_call(body) : llm::parse_completion_call(body);
    }

    // The places to try, when there are any by the deadline. A target that sleeps is woken also when another
    // one answers for it meanwhile.
    Task<Result<std::vector<Attempt>>> find_attempts(std::shared_ptr<const Route>& route) {
        const std::string key = sticky_key(request_, call_);
        for (std::int64_t waited_ms = 0;; waited_ms += kColdStartPollMs) {
            auto attempts = plan_attempts(*route, key);
            const bool is_awaited = await_targets(*route, key);
            if (attempts || !is_awaited || waited_ms >= inputs_.cold_start_ms_max) {
                co_return attempts;
            }
            if (auto slept = co_await http::sleep_for(kColdStartPollMs); !slept) {
                co_return slept.error();
            }
            auto again = inputs_.routes.find(request_.principal.project_id, call_.model);
            if (!again) {
                co_return again.error();
            }
            route = std::move(*again);
        }
    }

    // Asks for the split's target when none of its replicas answers and one would come.
    bool await_targets(const Route& route, const std::string& key) const {
        const RouteTarget* target = chosen_target(route, key);
        if (target == nullptr || !target->upstreams.empty() || !target->is_coming) {
            return false;
        }
        inputs_.awaited.add(target->target.id);
        return true;
    }

    Task<void> answer(std::shared_ptr<const Route> route) {
        auto attempts = co_await find_attempts(route);
        if (!attempts && attempts.error().code == ErrorCode::kCancelled) {
            co_await stop(attempts.error());
            co_return;
        }
        if (!attempts) {
            co_await fail(attempts.error());
            co_return;
        }
        Error last{ErrorCode::kUnavailable, "no replica answers"};
        for (std::size_t i = 0; i < attempts->size(); ++i) {
            const Attempt& attempt = (*attempts)[i];
            record_->route_chosen(*route, attempt, i);
            auto upstream = co_await open_upstream(
                inputs_.client,
                *attempt.upstream,
                {.kind = kind_, .body = body_},
                inputs_.upstream_idle_ms_max
            );
            if (upstream) {
                co_await relay(*upstream, attempt);
                co_return;
            }
            last = upstream.error();
            if (last.code != ErrorCode::kUnavailable && last.code != ErrorCode::kExhausted) {
                break;  // The caller's fault, or the caller is gone: another replica would say the same.
            }
            log_warning(
                "upstream does not answer", {{"url", attempt.upstream->url}, {"reason", last.message}}
            );
        }
        co_await stop(last);
    }

    // Passes the answer on as it comes, then records the call, then says that it is finished.
    Task<void> relay(UpstreamCall& upstream, const Attempt& attempt) {
        if (call_.stream) {
            if (auto begun = co_await begin(attempt); !begun) {
                co_await stop(begun.error());
                co_return;
            }
        }
        while (true) {
            auto part = co_await upstream.next();
            if (!part) {
                co_await stop(part.error());
                co_return;
            }
            if (part->is_end) {
                record_->ended(part->finish_reason, part->usage);
                break;
            }
            note(part->text);
            if (auto taken = co_await take(std::move(*part)); !taken) {
                co_await stop(taken.error());
                co_return;
            }
        }
        co_await finish(attempt);
    }

    void note(std::string_view text) {
        const auto* prompt = std::get_if<std::string>(&call_.request.prompt);
        if (std::exchange(may_be_echo_, false) && call_.request.echoes_prompt && prompt != nullptr &&
            text.starts_with(*prompt)) {
            text.remove_prefix(prompt->size());
        }
        if (!text.empty()) {
            record_->text_came(text);
        }
    }

    Task<Result<void>> begin(const Attempt& attempt) {
        http::Headers headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}};
        headers.add("x-capstan-target", attempt.target->target.label);
        co_return co_await writer_.start(200, std::move(headers));
    }

    // The end of a choice is held back until the call is in the books.
    Task<Result<void>> take(UpstreamPart part) {
        if (call_.stream && part.is_finishing) {
            finishing_.push_back(own(std::move(part.chunk)));
            co_return Result<void>();
        }
        if (call_.stream) {
            co_return co_await send(own(std::move(part.chunk)));
        }
        answer_bytes_ += part.text.size();
        if (answer_bytes_ > kAnswerBytesMax) {
            co_return Error{ErrorCode::kUnavailable, "the answer is longer than 16 MiB; ask for a stream"};
        }
        co_return merger_.take(part.chunk);
    }

    // The upstream's chunk as ours.
    std::string own(Json chunk) const {
        chunk.set("id", head_.id);
        chunk.set("created", head_.created_s);
        chunk.set("model", head_.model);
        std::erase_if(*chunk.as_object(), [](const Json::Member& member) { return member.first == "usage"; });
        if (call_.include_usage) {
            chunk.set("usage", nullptr);
        }
        return chunk.dump();
    }

    Task<void> finish(const Attempt& attempt) {
        if (auto recorded = co_await record(); !recorded) {
            co_await fail(recorded.error());
            co_return;
        }
        count("ok");
        if (!call_.stream) {
            http::Response response{.status = 200, .body = merger_.answer(head_, record_->usage()).dump()};
            response.headers.add("x-capstan-target", attempt.target->target.label);
            co_await respond(std::move(response));
            co_return;
        }
        co_await send_end();
    }

    // The call is in the books by now: a caller that goes away here changes nothing any more.
    Task<void> send_end() {
        Result<void> sent;
        for (std::size_t i = 0; sent && i < finishing_.size(); ++i) {
            sent = co_await send(std::move(finishing_[i]));
        }
        if (sent && call_.include_usage) {
            sent = co_await send(llm::usage_chunk(head_, record_->usage()));
        }
        if (sent) {
            sent = co_await send("[DONE]");
        }
    }

    // The call ended early, by the upstream's fault or because the caller went away.
    Task<void> stop(Error error) {
        if (error.code == ErrorCode::kCancelled && writer_.is_cancelled()) {
            record_->cancelled();
            count("cancelled");
            record_without_waiting();
            co_return;
        }
        co_await fail(std::move(error));
    }

    Task<void> fail(Error error) {
        count("error");
        record_->failed(error);
        if (auto recorded = co_await record(); !recorded) {
            log_error("call lost", {{"response_id", head_.id}, {"reason", recorded.error().message}});
        }
        if (writer_.is_started()) {
            // A caller that is gone needs no reason.
            [[maybe_unused]] const auto sent = co_await send(shape(error, request_.request_id).body.dump());
        } else {
            co_await respond(error_response(error, request_.request_id));
        }
    }

    // For a coroutine that was cancelled and may wait no more: the call was made, and must be in the books
    // all the same.
    void record_without_waiting() {
        http::WorkerPool::Work work =
            [&recorder = inputs_.recorder, trace = record_->trace(cost()), spans = record_->spans()] {
                if (auto recorded = recorder.record(trace, spans); !recorded) {
                    log_error("call lost", {{"response_id", trace.id}, {"reason", recorded.error().message}});
                }
            };
        if (!writer_.workers().submit(std::move(work))) {
            work();  // All workers are busy: a wait here is better than a call that nobody knows of.
        }
    }

    Task<Result<void>> record() {
        auto recorded = co_await http::run_blocking(writer_.workers(), [this] {
            return inputs_.recorder.record(record_->trace(cost()), record_->spans());
        });
        co_return recorded ? *recorded : Result<void>(recorded.error());
    }

    std::int64_t cost() const {
        return inputs_.spend.cost_nano_usd(request_.principal.project_id, call_.model, record_->usage());
    }

    Task<Result<void>> send(std::string data) {
        const std::string event = "data: " + std::move(data) + "\n\n";
        co_return co_await writer_.write(event);
    }

    Task<void> respond(http::Response response) {
        // A caller that is gone needs no answer.
        [[maybe_unused]] const auto sent = co_await writer_.respond(std::move(response));
    }

    void count(std::string_view outcome) {
        inputs_.metrics
            .counter(
                "capstan_gateway_calls_total", "Calls of the gateway.", {{"outcome", std::string(outcome)}}
            )
            .add();
        if (outcome == "ok" && record_) {
            inputs_.metrics
                .histogram(
                    "capstan_gateway_first_token_seconds",
                    "From the call to its first token.",
                    {{"target", record_->target_label()}}
                )
                .observe(record_->first_token_ms() / 1000);
        }
    }

    const GatewayInputs& inputs_;
    const http::Request& request_;
    http::StreamWriter& writer_;
    const llm::CallKind kind_;
    llm::OpenAiCall call_;
    llm::AnswerHead head_;
    std::optional<CallRecord> record_;
    Json body_;                           // The caller's.
    llm::ChunkMerger merger_{kind_};      // Of an answer that is not streamed.
    std::size_t answer_bytes_ = 0;        // In it.
    bool may_be_echo_ = true;             // No chunk came yet.
    std::vector<std::string> finishing_;  // Chunks that end choices of a stream.
};

Json model_json(const Route& route) {
    return Json::object(
        {{"id", route.name},
         {"object", "model"},
         {"created", route.created_ms / 1000},
         {"owned_by", "capstan"}}
    );
}

void add_stream_route(
    http::Router& router, std::string_view path, llm::CallKind kind, std::shared_ptr<GatewayInputs> inputs
) {
    http::Route route{.method = "POST", .pattern = std::string(path), .permission = "inference.invoke"};
    route.options.body_bytes_max = kBodyBytesMax;
    http::add_stream(
        router,
        std::move(route),
        [inputs = std::move(inputs),
         kind](const http::Request& request, http::StreamWriter& writer) -> Task<void> {
            // The frame of this call, and so the Completion, lives until run() is done.
            return [](const GatewayInputs& shared,
                      const http::Request& asked,
                      http::StreamWriter& out,
                      llm::CallKind of) -> Task<void> {
                Completion completion(shared, asked, out, of);
                co_await completion.run();
            }(*inputs, request, writer, kind);
        }
    );
}

}  // namespace

void add_completion_routes(http::Router& router, const GatewayInputs& inputs) {
    // Shared by the two handlers, which the router keeps.
    const auto shared = std::make_shared<GatewayInputs>(inputs);
    add_stream_route(router, "/v1/chat/completions", llm::CallKind::kChat, shared);
    add_stream_route(router, "/v1/completions", llm::CallKind::kCompletion, shared);
    router.get("/v1/models", "models.read", [shared](const http::Request& request) {
        Json data = Json::array();
        for (const auto& route : shared->routes.list(request.principal.project_id)) {
            data.push(model_json(*route));
        }
        return http::reply(Json::object({{"object", "list"}, {"data", std::move(data)}}));
    });
    router.get("/v1/models/{model...}", "models.read", [shared](const http::Request& request) {
        const auto route = shared->routes.find(request.principal.project_id, request.param("model"));
        return route ? http::reply(model_json(**route)) : error_response(route.error(), request.request_id);
    });
}

}  // namespace capstan::gateway
