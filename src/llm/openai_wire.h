#pragma once

// OpenAI's JSON for model calls, both ways: requests read into llm types, answers and stream chunks written.
// The engine's server speaks it, and the gateway in front of it, and our own client.
//
// Source: OpenAI's API reference, "Chat" and "Completions". What a parameter of theirs asks for and we do not
// do is refused by name, never ignored, unless ignoring it cannot change the answer.

#include <string>
#include <string_view>
#include <vector>

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
    std::vector<Prompt>
        more_prompts;  // kCompletion only: behind the request's, each with choices of its own.
    int choices = 1;   // Of each prompt.
    int best_of = 1;   // So many are made, and the `choices` most probable are answered.
    bool stream = false;
    bool include_usage = false;  // stream_options.include_usage
    std::string user;            // The end user's id, when given; makes a traffic split sticky.
};

// kInvalid, naming the parameter, for a wrong type or range and for what we do not do.
Result<OpenAiCall> parse_chat_call(const Json& body);
Result<OpenAiCall> parse_completion_call(const Json& body);

// The body that asks for `call`: what our client sends.
Json request_body(const OpenAiCall& call);

// A tool and calls of tools, as requests and answers have them.
Json tool_json(const Tool& tool);
Json tool_calls_json(const std::vector<ToolCall>& calls);

struct AnswerHead {
    CallKind kind = CallKind::kChat;
    std::string id;  // "chatcmpl-…" or "cmpl-…"
    std::string model;
    std::int64_t created_s = 0;  // Unix seconds.
};

std::string_view name_of(FinishReason reason);  // "stop", "length"; a cancelled call ends as "stop".
Json usage_json(const Usage& usage);

// What a chunk adds to a tool call: first its id and name, then pieces of its arguments.
struct ToolCallDelta {
    int index = 0;  // Of the call within the choice.
    std::string id = {};
    std::string name = {};  // Empty but in the first.
    std::string arguments = {};
};

// One choice of an answer, or what a chunk adds to it.
struct Choice {
    int index = 0;
    std::string text = {};
    std::vector<ToolCall> tool_calls = {};        // Of whole answers.
    std::vector<ToolCallDelta> tool_deltas = {};  // Of chunks.
    bool has_scores = false;                      // Log-probabilities were asked for.
    std::vector<TokenScore> tokens = {};          // Those that `text` begins or continues.
    std::vector<TokenScore> prompt_tokens = {};   // When they were asked for; of whole answers.
    std::string_view finish_reason = {};          // Empty in chunks but the last.
};

// The whole answer of a call that does not stream.
Json answer_body(const AnswerHead& head, const std::vector<Choice>& choices, const Usage& usage);

// The chunks of a stream, as JSON texts for "data:" lines. With `include_usage`, every chunk has a "usage"
// member, null but in the last one, as OpenAI sends it.
std::string role_chunk(const AnswerHead& head, int index, bool include_usage);  // kChat only: the first.
std::string choice_chunk(const AnswerHead& head, const Choice& choice, bool include_usage);
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
