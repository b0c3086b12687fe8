#pragma once

// OpenAI's JSON for model calls, both ways: requests read into llm types, answers and stream chunks written.
// The engine's server speaks it, and the gateway in front of it, and our own client.
//
// Source: OpenAI's API reference, "Chat" and "Completions". What a parameter of theirs asks for and we do not
// do is refused by name, never ignored, unless ignoring it cannot change the answer.

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "llm/message.h"

namespace capstan::llm {

enum class CallKind { kChat, kCompletion };

// A request to /v1/chat/completions or /v1/completions.
struct OpenAiCall {
    CallKind kind = CallKind::kChat;
    std::string model;
    GenerateRequest request;
    bool stream = false;
    bool include_usage = false;  // stream_options.include_usage
    bool echo = false;           // kCompletion only: the prompt's text comes first in the answer.
    std::string user;            // The end user's id, when given; makes a traffic split sticky.
};

// kInvalid, naming the parameter, for a wrong type or range and for what we do not do.
Result<OpenAiCall> parse_chat_call(const Json& body);
Result<OpenAiCall> parse_completion_call(const Json& body);

// The body that asks for `call`: what our client sends.
Json request_body(const OpenAiCall& call);

struct AnswerHead {
    CallKind kind = CallKind::kChat;
    std::string id;  // "chatcmpl-…" or "cmpl-…"
    std::string model;
    std::int64_t created_s = 0;  // Unix seconds.
};

std::string_view name_of(FinishReason reason);  // "stop", "length"; a cancelled call ends as "stop".
Json usage_json(const Usage& usage);

// The whole answer of a call that does not stream.
Json answer_body(const AnswerHead& head, const GenerateResult& result);

// The chunks of a stream, as JSON texts for "data:" lines. With `include_usage`, every chunk has a "usage"
// member, null but in the last one, as OpenAI sends it.
std::string role_chunk(const AnswerHead& head, bool include_usage);  // kChat only: the first chunk.
std::string text_chunk(const AnswerHead& head, std::string_view text, bool include_usage);
std::string finish_chunk(const AnswerHead& head, FinishReason reason, bool include_usage);
std::string usage_chunk(const AnswerHead& head, const Usage& usage);

// {"error": {"message", "type", "param": null, "code"}} for an error code; `status` is the HTTP status it
// goes with.
struct OpenAiError {
    int status = 500;
    Json body;
};

OpenAiError openai_error(const Error& error);

// What one streamed chunk, or a whole answer, says. Absent members are empty.
struct AnswerPart {
    std::string id;
    std::string text;
    std::string finish_reason;
    Usage usage;
    bool has_usage = false;
};

// Reads a chunk or an answer of either kind; an {"error": …} document becomes kUnavailable with its message.
Result<AnswerPart> parse_answer_part(const Json& json);

}  // namespace capstan::llm
