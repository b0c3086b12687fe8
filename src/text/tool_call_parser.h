#pragma once

// What a model writes, told apart as it comes: text for the reader, and calls of tools.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/tool_call_format.h"
#include "text/tool_call_object.h"

namespace capstan::text {

struct ToolCallOptions {
    ToolCallFormat format = ToolCallFormat::kNone;
    std::vector<std::string> names;  // Of the tools; JSON without marks calls no other. Empty: any.
};

// For one answer; not thread-safe. What may still become a mark or a call is held back until it is clear;
// what turns out to be neither is content, as it was written. White space around calls is dropped. Arguments
// come as the model writes them, whole values of JSON unless it breaks off; a call without any gets "{}".
class ToolCallParser {
public:
    explicit ToolCallParser(ToolCallOptions options);

    // `piece` is whole characters. Cost: linear.
    std::vector<ToolCallEvent> push(std::string_view piece);

    // At the end of the answer; nothing may follow.
    std::vector<ToolCallEvent> finish();

    std::size_t calls() const { return calls_; }  // Begun by now.

private:
    enum class State {
        kStart,  // Nothing but white space by now: JSON without marks may begin.
        kText,
        kPayload,  // Behind the mark that begins calls.
        kName,     // Of Mistral's calls that are not JSON.
        kObject,
        kNextCall,  // In an array.
        kEnd,       // Behind a call: another one, or the mark that ends calls.
    };

    bool step();
    bool step_start();
    bool step_text();
    bool step_payload();
    bool step_name();
    bool step_object();
    bool step_next_call();
    bool step_end();

    bool begin_object();
    bool fail();
    void emit_content(std::string_view text);

    ToolCallOptions options_;
    ToolCallMarks marks_;
    State state_;
    HeldText held_;
    ToolCallObject object_;
    std::vector<ToolCallEvent> events_;
    std::size_t calls_ = 0;
    bool in_array_ = false;
    bool is_marked_ = false;    // Behind a mark: surely calls.
    bool drops_space_ = false;  // Behind a call.
};

struct ToolCall {
    std::string name;
    std::string arguments;  // JSON.
};

struct ParsedAnswer {
    std::string content;
    std::vector<ToolCall> calls;
};

// A whole answer at once.
ParsedAnswer parse_tool_calls(std::string_view answer, ToolCallOptions options);

}  // namespace capstan::text
