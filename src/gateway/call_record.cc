#include "gateway/call_record.h"

#include <utility>

namespace capstan::gateway {
namespace {

// Of an answer, in the trace: more is cut, so that one event stays within the log's limit.
constexpr std::size_t kOutputBytesMax = 256 * 1024;

}  // namespace

CallRecord::CallRecord(
    const http::Request& request, const Json& body, const llm::OpenAiCall& call, std::string response_id
) {
    trace_.id = std::move(response_id);
    trace_.project_id = request.principal.project_id;
    trace_.started_ms = system_now_ms();
    trace_.deployment = call.model;
    trace_.key_id = request.principal.key_id;
    trace_.end_user = call.user;
    trace_.input = body[call.kind == llm::CallKind::kChat ? "messages" : "prompt"];
    trace_.request_id = request.request_id;
}

double CallRecord::elapsed_ms() const {
    return static_cast<double>(monotonic_now_us() - started_us_) / 1000;
}

void CallRecord::route_chosen(const Route& route, const Attempt& attempt, std::size_t attempts_before) {
    trace_.deployment = route.name;
    trace_.target_id = attempt.target->target.id;
    trace_.target_label = attempt.target->target.label;
    trace_.model = attempt.target->target.model + "/" + std::to_string(attempt.target->target.number);
    is_fallback_ = attempt.is_fallback;
    attempts_before_ = attempts_before;
    upstream_started_ms_ = elapsed_ms();
}

void CallRecord::text_came(std::string_view text) {
    if (!trace_.first_token_ms) {
        trace_.first_token_ms = elapsed_ms();
    }
    trace_.output += text.substr(0, kOutputBytesMax - std::min(kOutputBytesMax, trace_.output.size()));
}

void CallRecord::ended(std::string_view finish_reason, const llm::Usage& usage) {
    finish_reason_ = finish_reason;
    usage_ = usage;
    trace_.duration_ms = elapsed_ms();
}

void CallRecord::failed(const Error& error) {
    trace_.status = "error";
    trace_.error = error.message;
    trace_.duration_ms = elapsed_ms();
}

void CallRecord::cancelled() {
    trace_.status = "cancelled";
    trace_.duration_ms = elapsed_ms();
}

observability::Trace CallRecord::trace(std::int64_t cost_nano_usd) const {
    observability::Trace trace = trace_;
    trace.prompt_tokens = usage_.prompt_tokens;
    trace.completion_tokens = usage_.completion_tokens;
    trace.cost_nano_usd = cost_nano_usd;
    return trace;
}

std::vector<observability::Span> CallRecord::spans() const {
    std::vector<observability::Span> spans;
    spans.push_back(
        {.id = "1",
         .parent_id = "",
         .name = "completion",
         .kind = "gateway",
         .start_offset_ms = 0,
         .duration_ms = trace_.duration_ms,
         .status = trace_.status,
         .attributes = Json::object(
             {{"gen_ai.request.model", trace_.deployment},
              {"gen_ai.usage.input_tokens", usage_.prompt_tokens},
              {"gen_ai.usage.output_tokens", usage_.completion_tokens},
              {"gen_ai.response.finish_reason", finish_reason_}}
         )}
    );
    if (!trace_.target_id.empty()) {
        spans.push_back(
            {.id = "2",
             .parent_id = "1",
             .name = "generate",
             .kind = "upstream",
             .start_offset_ms = upstream_started_ms_,
             .duration_ms = trace_.duration_ms - upstream_started_ms_,
             .status = trace_.status,
             .attributes = Json::object(
                 {{"target", trace_.target_label},
                  {"gen_ai.response.model", trace_.model},
                  {"attempts_before", attempts_before_},
                  {"is_fallback", is_fallback_}}
             )}
        );
    }
    if (trace_.first_token_ms) {
        spans.push_back(
            {.id = "3",
             .parent_id = "2",
             .name = "first token",
             .kind = "wait",
             .start_offset_ms = upstream_started_ms_,
             .duration_ms = *trace_.first_token_ms - upstream_started_ms_,
             .status = "ok",
             .attributes = Json::object()}
        );
    }
    return spans;
}

}  // namespace capstan::gateway
