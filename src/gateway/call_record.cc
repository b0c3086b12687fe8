#include "gateway/call_record.h"

#include <utility>

#include "base/utf8.h"

namespace capstan::gateway {
namespace {

// An event holds 1 MiB, and a character of text up to six bytes of JSON: "\u0000".
constexpr std::size_t kOutputBytesMax = 256 * 1024;
constexpr std::size_t kOutputJsonBytesMax = 400 * 1024;
constexpr std::size_t kInputJsonBytesMax = 400 * 1024;
constexpr std::size_t kErrorBytesMax = 2048;
constexpr std::size_t kJsonBytesAByte = 6;

// The beginning of `text`, whole characters only.
std::string beginning(std::string_view text, std::size_t bytes_max) {
    std::string_view cut = text.substr(0, bytes_max);
    if (cut.size() < text.size()) {
        cut.remove_suffix(utf8_incomplete_tail(cut));
    }
    return std::string(cut);
}

bool fits(const std::string& text, std::size_t json_bytes_max) {
    return text.size() * kJsonBytesAByte <= json_bytes_max || Json(text).dump().size() <= json_bytes_max;
}

// The messages, or the prompt; of those that are too long, the beginning of the last message, or of the
// prompt.
Json recorded_input(const http::Request& request, const Json& body, llm::CallKind kind) {
    const bool is_chat = kind == llm::CallKind::kChat;
    const Json& input = body[is_chat ? "messages" : "prompt"];
    if (request.body.size() <= kInputJsonBytesMax / 2) {
        return input;
    }
    const std::string json = input.dump();
    if (json.size() <= kInputJsonBytesMax) {
        return input;
    }
    const Json::Array* messages = is_chat ? input.as_array() : nullptr;
    const Json& last = messages != nullptr && !messages->empty() ? messages->back()["content"] : input;
    const std::string cut =
        beginning(last.is_string() ? *last.as_string() : last.dump(), kInputJsonBytesMax / kJsonBytesAByte) +
        "… (cut: " + std::to_string(json.size()) + " bytes in all)";
    if (!is_chat) {
        return cut;
    }
    const std::string role = messages->empty() ? "user" : messages->back().string_or("role", "user");
    return Json::array({Json::object({{"role", role}, {"content", cut}})});
}

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
    trace_.input = recorded_input(request, body, call.kind);
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
    ++pieces_;
    if (!is_output_cut_) {
        const std::string part = beginning(text, kOutputBytesMax - trace_.output.size());
        trace_.output += part;
        is_output_cut_ = part.size() < text.size();
    }
}

void CallRecord::count_pieces() {
    if (!usage_) {
        usage_ = llm::Usage{.prompt_tokens = 0, .completion_tokens = pieces_, .cached_prompt_tokens = 0};
        is_usage_counted_ = true;
    }
}

void CallRecord::ended(std::string_view finish_reason, const std::optional<llm::Usage>& usage) {
    finish_reason_ = finish_reason;
    usage_ = usage;
    count_pieces();
    trace_.duration_ms = elapsed_ms();
}

void CallRecord::failed(const Error& error) {
    count_pieces();
    trace_.status = "error";
    trace_.error = beginning(error.message, kErrorBytesMax);
    trace_.duration_ms = elapsed_ms();
}

void CallRecord::cancelled() {
    count_pieces();
    trace_.status = "cancelled";
    trace_.duration_ms = elapsed_ms();
}

observability::Trace CallRecord::trace(std::int64_t cost_nano_usd) const {
    observability::Trace trace = trace_;
    if (!fits(trace.output, kOutputJsonBytesMax)) {
        trace.output = beginning(trace.output, kOutputJsonBytesMax / kJsonBytesAByte);
    }
    trace.prompt_tokens = usage().prompt_tokens;
    trace.completion_tokens = usage().completion_tokens;
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
              {"gen_ai.usage.input_tokens", usage().prompt_tokens},
              {"gen_ai.usage.output_tokens", usage().completion_tokens},
              {"is_usage_counted_in_pieces", is_usage_counted_},
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
