#include "text/tool_call_object.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json.h"

namespace capstan::text {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kStringBytesMax = 4096;  // Of the names of tools and members.

// The string of JSON at the front of what is held: nothing as long as it is not whole, empty when it is none.
std::optional<std::string> take_string(HeldText& held) {
    JsonValueScanner scanner;
    const auto scanned = scanner.scan(held.text);
    if (held.front() != '"' || scanned.bytes > kStringBytesMax) {
        return std::string();
    }
    if (scanned.outcome != JsonValueScanner::Outcome::kEnd) {
        return std::nullopt;
    }
    const auto json = parse_json(std::string_view(held.text).substr(0, scanned.bytes));
    held.take(scanned.bytes);
    return json && json->is_string() ? *json->as_string() : std::string();
}

}  // namespace

void HeldText::take(std::size_t bytes) {
    taken.append(text, 0, bytes);
    text.erase(0, bytes);
}

bool HeldText::take_space() {
    take(std::min(text.find_first_not_of(kSpace), text.size()));
    return !text.empty();
}

void ToolCallObject::begin(const Rules& rules, std::size_t index) {
    *this = ToolCallObject();
    rules_ = rules;
    index_ = index;
}

void ToolCallObject::begin_named(
    std::string_view name, std::size_t index, std::vector<ToolCallEvent>& events
) {
    begin({.is_sure = true}, index);
    name_ = name;
    state_ = State::kArguments;
    only_arguments_ = true;
    has_arguments_ = true;
    begin_call(events);
}

ToolCallObject::Outcome ToolCallObject::read(HeldText& held, std::vector<ToolCallEvent>& events) {
    while (!held.text.empty()) {
        const std::size_t before = held.text.size();
        const State state_before = state_;
        const Outcome outcome = step(held, events);
        if (begun_) {
            held.taken.clear();
        }
        if (outcome != Outcome::kMore) {
            return outcome;
        }
        if (held.text.size() == before && state_ == state_before) {
            break;
        }
    }
    return Outcome::kMore;
}

ToolCallObject::Outcome ToolCallObject::broken() const {
    return begun_ ? Outcome::kBroken : Outcome::kNoCall;
}

ToolCallObject::Outcome ToolCallObject::step(HeldText& held, std::vector<ToolCallEvent>& events) {
    if (state_ == State::kArguments || state_ == State::kSkipped) {
        return step_scanned(held, events);
    }
    if (!held.take_space()) {
        return Outcome::kMore;
    }
    if (state_ == State::kColon) {
        return step_value(held, events);
    }
    if (state_ == State::kName) {
        return step_name(held, events);
    }
    if (held.front() == '}') {
        held.take(1);
        const bool is_call = begun_ || (rules_.is_sure && !name_.empty() && begin_call(events));
        finish(events);
        return is_call ? Outcome::kEnd : Outcome::kNoCall;
    }
    if (state_ == State::kNextMember) {
        if (held.front() != ',') {
            return broken();
        }
        held.take(1);
        state_ = State::kMember;
        return Outcome::kMore;
    }
    auto key = take_string(held);
    if (!key) {
        return Outcome::kMore;
    }
    key_ = std::move(*key);
    state_ = State::kColon;
    return key_.empty() ? broken() : Outcome::kMore;
}

// At the colon; then, when the value's first character is there, at that.
ToolCallObject::Outcome ToolCallObject::step_value(HeldText& held, std::vector<ToolCallEvent>& events) {
    if (held.front() != ':') {
        return broken();
    }
    const std::size_t value = held.text.find_first_not_of(kSpace, 1);
    if (value == std::string::npos) {
        return Outcome::kMore;
    }
    held.take(value);
    value_.reset();
    state_ = State::kSkipped;
    if (key_ == "name" && name_.empty()) {
        state_ = State::kName;
    } else if ((key_ == "arguments" || key_ == "parameters") && !has_arguments_) {
        state_ = State::kArguments;
        has_arguments_ = true;
        arguments_are_text_ = held.front() == '"';
        if (!name_.empty() && !begun_ && !begin_call(events)) {
            return Outcome::kNoCall;
        }
    } else if (!rules_.is_sure && key_ != "type" && key_ != "id") {
        return broken();
    }
    return Outcome::kMore;
}

ToolCallObject::Outcome ToolCallObject::step_name(HeldText& held, std::vector<ToolCallEvent>& events) {
    auto name = take_string(held);
    if (!name) {
        return Outcome::kMore;
    }
    name_ = std::move(*name);
    state_ = State::kNextMember;
    const bool begins = rules_.is_sure || has_arguments_;
    return name_.empty() || (begins && !begin_call(events)) ? broken() : Outcome::kMore;
}

// False when there is no such tool.
bool ToolCallObject::begin_call(std::vector<ToolCallEvent>& events) {
    const auto& names = rules_.names;
    if (!rules_.is_sure && !names.empty() && std::ranges::find(names, name_) == names.end()) {
        return false;
    }
    begun_ = true;
    events.push_back({.kind = ToolCallEvent::Kind::kCallBegin, .index = index_, .text = name_});
    if (!arguments_are_text_ || state_ == State::kNextMember) {
        emit_arguments(std::exchange(arguments_, {}), events);
    }
    return true;
}

void ToolCallObject::emit_arguments(std::string_view text, std::vector<ToolCallEvent>& events) const {
    constexpr auto kKind = ToolCallEvent::Kind::kArguments;
    if (text.empty()) {
        return;
    }
    if (!events.empty() && events.back().kind == kKind && events.back().index == index_) {
        events.back().text += text;
    } else {
        events.push_back({.kind = kKind, .index = index_, .text = std::string(text)});
    }
}

ToolCallObject::Outcome ToolCallObject::step_scanned(HeldText& held, std::vector<ToolCallEvent>& events) {
    const auto scanned = value_.scan(held.text);
    const bool is_whole = scanned.outcome == JsonValueScanner::Outcome::kEnd;
    const std::string_view part = std::string_view(held.text).substr(0, scanned.bytes);
    if (state_ == State::kArguments && begun_ && !arguments_are_text_) {
        emit_arguments(part, events);
    } else if (state_ == State::kArguments) {
        arguments_ += part;
    }
    if (is_whole && state_ == State::kArguments && arguments_are_text_) {
        const auto json = parse_json(arguments_);
        arguments_ = json && json->is_string() ? *json->as_string() : std::string();
        if (begun_) {
            emit_arguments(std::exchange(arguments_, {}), events);
        }
    }
    held.take(scanned.bytes);
    if (scanned.outcome == JsonValueScanner::Outcome::kBroken) {
        return broken();
    }
    if (is_whole && only_arguments_) {
        begun_ = false;
        return Outcome::kEnd;
    }
    state_ = is_whole ? State::kNextMember : state_;
    return Outcome::kMore;
}

void ToolCallObject::finish(std::vector<ToolCallEvent>& events) {
    if (begun_ && !has_arguments_) {
        emit_arguments("{}", events);
    }
    begun_ = false;
}

}  // namespace capstan::text
