#include "observability/trace_json.h"

#include "base/utf8.h"

namespace capstan::observability {
namespace {

constexpr double kUsdPerNanoUsd = 1e-9;
constexpr std::size_t kPreviewBytes = 160;

// The first characters of a text, whole ones only.
std::string preview(std::string_view text) {
    if (text.size() <= kPreviewBytes) {
        return std::string(text);
    }
    std::string_view cut = text.substr(0, kPreviewBytes);
    cut.remove_suffix(utf8_incomplete_tail(cut));
    return std::string(cut) + "…";
}

// The last message's text, or the prompt.
std::string input_text(const Json& input) {
    if (const auto* text = input.as_string()) {
        return *text;
    }
    const auto* messages = input.as_array();
    if (messages == nullptr || messages->empty()) {
        return "";
    }
    const Json& content = messages->back()["content"];
    return content.is_string() ? *content.as_string() : content.dump();
}

Json score_value(const Score& score) {
    return score.value ? Json(*score.value) : Json(score.text);
}

Json trace_json(const Trace& trace) {
    return Json::object(
        {{"id", trace.id},
         {"started_at", rfc3339(trace.started_ms)},
         {"duration_ms", trace.duration_ms},
         {"ttft_ms", trace.first_token_ms},
         {"model", trace.model},
         {"deployment", trace.deployment},
         {"target", trace.target_label},
         {"status", trace.status},
         {"prompt_tokens", trace.prompt_tokens},
         {"completion_tokens", trace.completion_tokens},
         {"cost_usd", static_cast<double>(trace.cost_nano_usd) * kUsdPerNanoUsd},
         {"input_preview", preview(input_text(trace.input))},
         {"output_preview", preview(trace.output)}}
    );
}

Json span_json(const Span& span, std::int64_t trace_started_ms) {
    return Json::object(
        {{"id", span.id},
         {"parent_id", span.parent_id.empty() ? Json() : Json(span.parent_id)},
         {"name", span.name},
         {"kind", span.kind},
         {"started_at", rfc3339(trace_started_ms + static_cast<std::int64_t>(span.start_offset_ms))},
         {"start_offset_ms", span.start_offset_ms},
         {"duration_ms", span.duration_ms},
         {"status", span.status},
         {"attributes", span.attributes}}
    );
}

Span span_from(const Json& json) {
    return {
        .id = json.string_or("id", ""),
        .parent_id = json.string_or("parent_id", ""),
        .name = json.string_or("name", ""),
        .kind = json.string_or("kind", ""),
        .start_offset_ms = json.double_or("start_offset_ms", 0),
        .duration_ms = json.double_or("duration_ms", 0),
        .status = json.string_or("status", "ok"),
        .attributes = json["attributes"],
    };
}

}  // namespace

Json to_json(const Score& score) {
    return Json::object(
        {{"id", score.id},
         {"response_id", score.trace_id},
         {"name", score.name},
         {"value", score_value(score)},
         {"comment", score.comment},
         {"source", score.source},
         {"created_at", rfc3339(score.created_ms)}}
    );
}

Json summary_json(const TraceSummary& summary) {
    Json json = trace_json(summary.trace);
    Json scores = Json::object();
    for (const Score& score : summary.scores) {
        scores.set(score.name, score_value(score));
    }
    json.set("scores", std::move(scores));
    return json;
}

Json detail_json(const TraceDetail& detail) {
    Json json = trace_json(detail.trace);
    Json spans = Json::array();
    for (const Span& span : detail.spans) {
        spans.push(span_json(span, detail.trace.started_ms));
    }
    Json scores = Json::array();
    for (const Score& score : detail.scores) {
        scores.push(to_json(score));
    }
    json.set("input", detail.trace.input);
    json.set("output", detail.trace.output);
    json.set("error", detail.trace.error.empty() ? Json() : Json(detail.trace.error));
    json.set("end_user", detail.trace.end_user);
    json.set("request_id", detail.trace.request_id);
    json.set("spans", std::move(spans));
    json.set("scores", std::move(scores));
    return json;
}

Json event_payload(const Trace& trace, const std::vector<Span>& spans) {
    Json span_items = Json::array();
    for (const Span& span : spans) {
        span_items.push(span_json(span, trace.started_ms));
    }
    return Json::object(
        {{"id", trace.id},
         {"project_id", trace.project_id},
         {"started_ms", trace.started_ms},
         {"duration_ms", trace.duration_ms},
         {"first_token_ms", trace.first_token_ms},
         {"deployment", trace.deployment},
         {"target_id", trace.target_id},
         {"target_label", trace.target_label},
         {"model", trace.model},
         {"status", trace.status},
         {"error", trace.error},
         {"key_id", trace.key_id},
         {"end_user", trace.end_user},
         {"input", trace.input},
         {"output", trace.output},
         {"prompt_tokens", trace.prompt_tokens},
         {"completion_tokens", trace.completion_tokens},
         {"cost_nano_usd", trace.cost_nano_usd},
         {"request_id", trace.request_id},
         {"spans", std::move(span_items)}}
    );
}

Result<RecordedTrace> trace_from_event(const Json& payload) {
    const auto id = payload.get_string("id");
    const auto project_id = payload.get_string("project_id");
    if (!id || !project_id) {
        return id ? project_id.error() : id.error();
    }
    RecordedTrace recorded;
    Trace& trace = recorded.trace;
    trace.id = *id;
    trace.project_id = *project_id;
    trace.started_ms = payload.int_or("started_ms", 0);
    trace.duration_ms = payload.double_or("duration_ms", 0);
    trace.first_token_ms = payload["first_token_ms"].as_double();
    trace.deployment = payload.string_or("deployment", "");
    trace.target_id = payload.string_or("target_id", "");
    trace.target_label = payload.string_or("target_label", "");
    trace.model = payload.string_or("model", "");
    trace.status = payload.string_or("status", "ok");
    trace.error = payload.string_or("error", "");
    trace.key_id = payload.string_or("key_id", "");
    trace.end_user = payload.string_or("end_user", "");
    trace.input = payload["input"];
    trace.output = payload.string_or("output", "");
    trace.prompt_tokens = payload.int_or("prompt_tokens", 0);
    trace.completion_tokens = payload.int_or("completion_tokens", 0);
    trace.cost_nano_usd = payload.int_or("cost_nano_usd", 0);
    trace.request_id = payload.string_or("request_id", "");
    if (const auto* spans = payload["spans"].as_array()) {
        for (const Json& span : *spans) {
            recorded.spans.push_back(span_from(span));
        }
    }
    return recorded;
}

}  // namespace capstan::observability
