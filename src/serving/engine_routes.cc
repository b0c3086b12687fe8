#include "serving/engine_routes.h"

#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "llm/openai_wire.h"
#include "platform/http/json_reply.h"
#include "serving/generation.h"

namespace capstan::serving {
namespace {

// What the caller is told of an error; our own faults are in the log alone.
llm::OpenAiError shape(const Error& error) {
    if (error.code != ErrorCode::kInternal) {
        return llm::openai_error(error);
    }
    log_error("internal error", {{"error", error.message}});
    return llm::openai_error({error.code, "internal error"});
}

http::Response error_response(const Error& error) {
    auto shaped = shape(error);
    http::Response response{.status = shaped.status, .body = shaped.body.dump()};
    if (error.code == ErrorCode::kExhausted || error.code == ErrorCode::kUnavailable) {
        response.headers.add("Retry-After", "1");
    }
    return response;
}

// The name of the adapter that `model` asks for; empty for the base model.
Result<std::string> adapter_of(const ServedModel& served, const std::string& model) {
    if (model == served.name) {
        return std::string();
    }
    const auto found = served.adapters.find(model);
    if (found == served.adapters.end()) {
        return Error{ErrorCode::kNotFound, "this engine serves no model '" + model.substr(0, 100) + "'"};
    }
    return found->second;
}

std::string sse(const std::string& data) {
    return "data: " + data + "\n\n";
}

// The body of a streamed answer, made as it is read.
class StreamedAnswer {
public:
    StreamedAnswer(std::unique_ptr<Generation> generation, llm::AnswerHead head, llm::OpenAiCall call)
        : generation_(std::move(generation)), head_(std::move(head)), call_(std::move(call)) {}

    // The first piece of text is awaited before the head of the response is sent, so that a refusal has its
    // status.
    Result<void> begin() {
        first_ = generation_->next();
        if (!first_ && !generation_->result()) {
            return generation_->result().error();
        }
        return {};
    }

    Result<std::string> next() {
        switch (step_) {
            case Step::kRole:
                step_ = Step::kText;
                if (call_.kind == llm::CallKind::kChat) {
                    return sse(llm::role_chunk(head_, call_.include_usage));
                }
                if (const auto* prompt = std::get_if<std::string>(&call_.request.prompt);
                    call_.echo && prompt != nullptr) {
                    return sse(llm::text_chunk(head_, *prompt, call_.include_usage));
                }
                return next_text();
            case Step::kText:
                return next_text();
            case Step::kDone:
                break;
        }
        return std::string();
    }

private:
    enum class Step { kRole, kText, kDone };

    Result<std::string> next_text() {
        auto piece = std::exchange(first_, std::nullopt);
        if (!piece) {
            piece = generation_->next();
        }
        if (piece) {
            return sse(llm::text_chunk(head_, *piece, call_.include_usage));
        }
        step_ = Step::kDone;
        const auto& result = generation_->result();
        if (!result) {
            return sse(shape(result.error()).body.dump());
        }
        std::string end = sse(llm::finish_chunk(head_, result->finish_reason, call_.include_usage));
        if (call_.include_usage) {
            end += sse(llm::usage_chunk(head_, result->usage));
        }
        return end + sse("[DONE]");
    }

    std::unique_ptr<Generation> generation_;
    llm::AnswerHead head_;
    llm::OpenAiCall call_;
    std::optional<std::string> first_;
    Step step_ = Step::kRole;
};

http::Response whole_answer(
    Generation& generation, const llm::AnswerHead& head, const llm::OpenAiCall& call
) {
    while (generation.next()) {
        // The result has all of the text; here it is only waited for.
    }
    auto result = generation.result();
    if (!result) {
        return error_response(result.error());
    }
    const auto* prompt = std::get_if<std::string>(&call.request.prompt);
    if (call.echo && prompt != nullptr) {
        result->text = *prompt + result->text;
    }
    return http::reply(llm::answer_body(head, *result));
}

http::Response answer(const ServedModel& served, const http::Request& request, llm::CallKind kind) {
    const auto body = http::read_json(request);
    if (!body) {
        return error_response(body.error());
    }
    const bool is_chat = kind == llm::CallKind::kChat;
    auto call = is_chat ? llm::parse_chat_call(*body) : llm::parse_completion_call(*body);
    auto adapter = call ? adapter_of(served, call->model) : Result<std::string>(call.error());
    if (!adapter) {
        return error_response(adapter.error());
    }
    call->request.adapter = std::move(*adapter);
    auto generation = Generation::start(served.generations, served.client, call->request);
    if (!generation) {
        return error_response(generation.error());
    }
    const llm::AnswerHead head{
        .kind = kind,
        .id = (is_chat ? "chatcmpl-" : "cmpl-") + new_id(),
        .model = call->model,
        .created_s = system_now_ms() / 1000
    };
    if (!call->stream) {
        return whole_answer(**generation, head, *call);
    }
    // Shared because a std::function must be copyable; the response has the only copy.
    auto streamed = std::make_shared<StreamedAnswer>(std::move(*generation), head, std::move(*call));
    if (auto begun = streamed->begin(); !begun) {
        return error_response(begun.error());
    }
    http::Response response{.status = 200, .content_type = "text/event-stream"};
    response.headers.add("Cache-Control", "no-cache");
    response.source = [streamed] { return streamed->next(); };
    return response;
}

Json model_json(const std::string& name) {
    return Json::object({{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "capstan"}});
}

}  // namespace

void add_engine_routes(http::Router& router, ServedModel served) {
    // Shared by the handlers, which the router keeps.
    const auto shared = std::make_shared<const ServedModel>(std::move(served));
    router.get("/v1/models", http::kPublic, [shared](const http::Request&) {
        Json data = Json::array({model_json(shared->name)});
        for (const auto& [name, adapter] : shared->adapters) {
            data.push(model_json(name));
        }
        return http::reply(Json::object({{"object", "list"}, {"data", std::move(data)}}));
    });
    router.post("/v1/chat/completions", http::kPublic, [shared](const http::Request& request) {
        return answer(*shared, request, llm::CallKind::kChat);
    });
    router.post("/v1/completions", http::kPublic, [shared](const http::Request& request) {
        return answer(*shared, request, llm::CallKind::kCompletion);
    });
}

}  // namespace capstan::serving
