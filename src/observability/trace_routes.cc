#include "observability/trace_routes.h"

#include <charconv>

#include "observability/trace_json.h"
#include "platform/http/json_reply.h"
#include "platform/http/page.h"

namespace capstan::observability {
namespace {

// A cursor is "started_ms.id" of the last trace seen.
Result<void> apply_cursor(std::string_view cursor, TraceFilter& filter) {
    if (cursor.empty()) {
        return {};
    }
    const std::size_t dot = cursor.find('.');
    const char* end = cursor.data() + std::min(dot, cursor.size());
    const auto [stopped, failure] = std::from_chars(cursor.data(), end, filter.before_ms);
    if (dot == std::string_view::npos || failure != std::errc() || stopped != end) {
        return Error{ErrorCode::kInvalid, "'cursor' is none of ours; take next_cursor from the page before"};
    }
    filter.before_id = std::string(cursor.substr(dot + 1));
    return {};
}

http::Response list_page(TraceService& traces, const http::Request& request) {
    const auto page = http::read_page(request);
    if (!page) {
        return http::reply(page.error());
    }
    TraceFilter filter{
        .project_id = request.principal.project_id,
        .deployment = std::string(request.query.get("deployment")),
        .target = std::string(request.query.get("target")),
        .status = std::string(request.query.get("status")),
        .text = std::string(request.query.get("q")),
        .before_id = "",
        .rows_max = page->rows_max(),
    };
    if (auto applied = apply_cursor(page->cursor, filter); !applied) {
        return http::reply(applied.error());
    }
    const auto rows = traces.list(filter);
    if (!rows) {
        return http::reply(rows.error());
    }
    return http::reply(http::page_json(*rows, *page, summary_json, [](const TraceSummary& row) {
        return std::to_string(row.trace.started_ms) + "." + row.trace.id;
    }));
}

http::Response give_feedback(TraceService& traces, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto score = traces.give_feedback(
        {.project_id = request.principal.project_id,
         .trace_id = body->string_or("response_id", ""),
         .name = body->string_or("name", ""),
         .value = (*body)["value"],
         .comment = body->string_or("comment", ""),
         .source = request.principal.name,
         .idempotency_key = body->string_or("idempotency_key", "")}
    );
    return score ? http::reply(to_json(*score), 201) : http::reply(score.error());
}

}  // namespace

void add_trace_routes(http::Router& router, TraceService& traces) {
    router.get("/api/v1/traces", "traces.read", [&traces](const http::Request& request) {
        return list_page(traces, request);
    });
    router.get("/api/v1/traces/{id}", "traces.read", [&traces](const http::Request& request) {
        const auto detail = traces.get(request.principal.project_id, request.param("id"));
        return detail ? http::reply(detail_json(*detail)) : http::reply(detail.error());
    });
    router.post("/api/v1/feedback", "feedback.write", [&traces](const http::Request& request) {
        return give_feedback(traces, request);
    });
}

}  // namespace capstan::observability
