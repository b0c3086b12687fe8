#pragma once

// One call of a tool as an object of JSON, read as it comes: its name and its arguments, in either order.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/json_value_scanner.h"

namespace capstan::text {

struct ToolCallEvent {
    enum class Kind {
        kContent,    // `text` is for the reader.
        kCallBegin,  // `text` is the tool's name.
        kArguments,  // `text` is the next part of the arguments, which together are JSON.
    };

    Kind kind = Kind::kContent;
    std::size_t index = 0;  // Of the call, from 0.
    std::string text;

    bool operator==(const ToolCallEvent&) const = default;
};

// Text that waits until it is clear what it is.
struct HeldText {
    std::string text;   // Not yet looked at.
    std::string taken;  // Looked at: content, should it turn out to be no call.

    void take(std::size_t bytes);

    // Whether something else is behind the white space.
    bool take_space();

    char front() const { return text.front(); }
};

class ToolCallObject {
public:
    enum class Outcome {
        kMore,    // All that is clear has been read.
        kEnd,     // The object is read to its end.
        kNoCall,  // It is something else; no call of it has begun.
        kBroken,  // It is no JSON behind the name.
    };

    struct Rules {
        bool is_sure = false;            // A mark said that calls come: any name, and members unknown to us.
        std::vector<std::string> names;  // Of the tools, for objects that no mark announced. Empty: any.
    };

    // Before an object's first member; `index` is the call's, should it be one.
    void begin(const Rules& rules, std::size_t index);

    // Before the arguments of a call whose name is known.
    void begin_named(std::string_view name, std::size_t index, std::vector<ToolCallEvent>& events);

    // Takes from `held` what is clear. Cost: linear, but for names, which are short.
    Outcome read(HeldText& held, std::vector<ToolCallEvent>& events);

    // The answer ends within the object; or read() gave kBroken.
    void finish(std::vector<ToolCallEvent>& events);

    bool has_begun() const { return begun_; }  // The name is out.

private:
    enum class State { kMember, kColon, kName, kArguments, kSkipped, kNextMember };

    Outcome step(HeldText& held, std::vector<ToolCallEvent>& events);
    Outcome step_value(HeldText& held, std::vector<ToolCallEvent>& events);
    Outcome step_name(HeldText& held, std::vector<ToolCallEvent>& events);
    Outcome step_scanned(HeldText& held, std::vector<ToolCallEvent>& events);
    Outcome broken() const;
    bool begin_call(std::vector<ToolCallEvent>& events);
    void emit_arguments(std::string_view text, std::vector<ToolCallEvent>& events) const;

    Rules rules_;
    State state_ = State::kMember;
    std::size_t index_ = 0;
    std::string key_;
    std::string name_;
    std::string arguments_;  // That wait for the name, or for the end of their string.
    JsonValueScanner value_;
    bool only_arguments_ = false;
    bool begun_ = false;
    bool has_arguments_ = false;
    bool arguments_are_text_ = false;  // JSON in a string of JSON.
};

}  // namespace capstan::text
