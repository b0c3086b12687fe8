#pragma once

// Traces: one call through the gateway each, with its steps, its cost and what was said of it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::observability {

struct Span {
    std::string id;
    std::string parent_id;  // Empty for the first.
    std::string name;
    std::string kind;            // "gateway", "route", "upstream", …
    double start_offset_ms = 0;  // From the trace's start.
    double duration_ms = 0;
    std::string status = "ok";
    Json attributes = Json::object();
};

struct Trace {
    std::string id;  // The response's: "chatcmpl-…" or "cmpl-…".
    std::string project_id;
    std::int64_t started_ms = 0;
    double duration_ms = 0;
    std::optional<double> first_token_ms;  // From the start to the first piece of text.
    std::string deployment;
    std::string target_id;
    std::string target_label;
    std::string model;          // The target's model and number, "man/3".
    std::string status = "ok";  // "ok", "error", "cancelled"
    std::string error;
    std::string key_id;
    std::string end_user;
    Json input;          // The messages, or the prompt.
    std::string output;  // What was answered, as far as it came.
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cost_nano_usd = 0;
    std::string request_id;
};

// A named value about a trace: a number, or a text.
struct Score {
    std::string id;
    std::string project_id;
    std::string trace_id;
    std::string name;
    std::optional<double> value;
    std::optional<std::string> text;
    std::string comment;
    std::string source;  // Who gave it: a principal's name.
    std::string idempotency_key;
    std::int64_t created_ms = 0;
};

// How one target of a deployment did.
struct TargetStats {
    std::int64_t requests = 0;
    std::int64_t errors = 0;
    double first_token_ms_p50 = 0;
    double first_token_ms_p95 = 0;
    double tokens_per_second = 0;  // Completion tokens ÷ time spent after the first token, over all calls.
    std::int64_t cost_nano_usd = 0;
    double score_mean = 0;  // Of the score that is asked for.
    std::int64_t score_count = 0;
};

}  // namespace capstan::observability
