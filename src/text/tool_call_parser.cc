#include "text/tool_call_parser.h"

#include <algorithm>
#include <utility>

namespace capstan::text {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kNameBytesMax = 4096;

// Bytes at the end of `text` with which `mark` may begin.
std::size_t partial_mark_bytes(std::string_view text, std::string_view mark) {
    std::size_t bytes = std::min(text.size(), mark.empty() ? 0 : mark.size() - 1);
    while (bytes > 0 && !mark.starts_with(text.substr(text.size() - bytes))) {
        bytes -= 1;
    }
    return bytes;
}

std::string_view without_space_behind(std::string_view text) {
    const std::size_t last = text.find_last_not_of(kSpace);
    return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

}  // namespace

ToolCallParser::ToolCallParser(ToolCallOptions options)
    : options_(std::move(options)),
      marks_(tool_call_marks(options_.format)),
      state_(
          options_.format == ToolCallFormat::kLlama3 || options_.format == ToolCallFormat::kJson
              ? State::kStart
              : State::kText
      ) {}

std::vector<ToolCallEvent> ToolCallParser::push(std::string_view piece) {
    held_.text += piece;
    while (!held_.text.empty() && step()) {
    }
    return std::exchange(events_, {});
}

std::vector<ToolCallEvent> ToolCallParser::finish() {
    if (state_ == State::kObject && object_.has_begun()) {
        object_.finish(events_);
    } else if (state_ != State::kEnd) {
        emit_content(std::exchange(held_.taken, {}) + held_.text);
    }
    held_ = {};
    state_ = State::kText;
    return std::exchange(events_, {});
}

void ToolCallParser::emit_content(std::string_view text) {
    if (drops_space_) {
        text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
        drops_space_ = text.empty();
    }
    if (text.empty()) {
        return;
    }
    if (!events_.empty() && events_.back().kind == ToolCallEvent::Kind::kContent) {
        events_.back().text += text;
    } else {
        events_.push_back({.kind = ToolCallEvent::Kind::kContent, .text = std::string(text)});
    }
}

bool ToolCallParser::step() {
    switch (state_) {
        case State::kStart:
            return step_start();
        case State::kText:
            return step_text();
        case State::kPayload:
            return step_payload();
        case State::kName:
            return step_name();
        case State::kObject:
            return step_object();
        case State::kNextCall:
            return step_next_call();
        case State::kEnd:
            return step_end();
    }
    return false;
}

// It is no call after all: content, as far as it has not come out as a call's.
bool ToolCallParser::fail() {
    emit_content(std::exchange(held_.taken, {}));
    is_marked_ = false;
    in_array_ = false;
    state_ = State::kText;
    return true;
}

bool ToolCallParser::begin_object() {
    object_.begin(
        {.is_sure = is_marked_, .names = is_marked_ ? std::vector<std::string>() : options_.names}, calls_
    );
    held_.take(1);
    state_ = State::kObject;
    return true;
}

bool ToolCallParser::step_start() {
    const std::size_t at = held_.text.find_first_not_of(kSpace);
    if (at == std::string::npos) {
        return false;
    }
    const char first = held_.text[at];
    const bool is_json = first == '{' || (first == '[' && options_.format == ToolCallFormat::kJson);
    state_ = is_json ? State::kPayload : State::kText;
    return true;
}

bool ToolCallParser::step_text() {
    const std::string_view text = held_.text;
    const std::size_t at = marks_.open.empty() ? std::string::npos : text.find(marks_.open);
    if (at == std::string::npos) {
        const std::string_view clear = text.substr(0, text.size() - partial_mark_bytes(text, marks_.open));
        const std::size_t bytes = marks_.open.empty() ? text.size() : without_space_behind(clear).size();
        emit_content(text.substr(0, bytes));
        held_.text.erase(0, bytes);
        return false;
    }
    // The space before the mark goes with it.
    const std::size_t content = without_space_behind(text.substr(0, at)).size();
    emit_content(text.substr(0, content));
    held_.text.erase(0, content);
    held_.taken.clear();
    held_.take(at - content + marks_.open.size());
    is_marked_ = true;
    state_ = State::kPayload;
    return true;
}

bool ToolCallParser::step_payload() {
    using Format = ToolCallFormat;
    if (!held_.take_space()) {
        return false;
    }
    if (held_.front() == '{') {
        return begin_object();
    }
    const bool takes_arrays = options_.format != Format::kHermes && options_.format != Format::kLlama3;
    if (held_.front() == '[' && takes_arrays) {
        in_array_ = true;
        held_.take(1);
        state_ = State::kNextCall;
        return true;
    }
    if (options_.format == Format::kMistral) {
        state_ = State::kName;
        return true;
    }
    return fail();
}

// name[ARGS]{…}, name{…}, name[CALL_ID]id[ARGS]{…}
bool ToolCallParser::step_name() {
    const std::size_t brace = held_.text.find('{');
    if (brace == std::string::npos) {
        return held_.text.size() > kNameBytesMax && fail();
    }
    std::string_view name = std::string_view(held_.text).substr(0, brace);
    name = name.substr(0, std::min({name.find("[ARGS]"), name.find("[CALL_ID]"), name.size()}));
    name = without_space_behind(name);
    if (name.empty() || brace > kNameBytesMax || name.find_first_of("\n[]\"") != std::string_view::npos) {
        return fail();
    }
    object_.begin_named(name, calls_, events_);
    calls_ += 1;
    held_.take(brace);
    held_.taken.clear();
    state_ = State::kObject;
    return true;
}

bool ToolCallParser::step_object() {
    using Outcome = ToolCallObject::Outcome;
    const bool had_begun = object_.has_begun();
    const std::size_t events_before = events_.size();
    const Outcome outcome = object_.read(held_, events_);
    const auto begins = [](const ToolCallEvent& e) { return e.kind == ToolCallEvent::Kind::kCallBegin; };
    if (!had_begun &&
        std::any_of(events_.begin() + static_cast<std::ptrdiff_t>(events_before), events_.end(), begins)) {
        calls_ += 1;
    }
    switch (outcome) {
        case Outcome::kMore:
            return false;
        case Outcome::kNoCall:
            return fail();
        case Outcome::kBroken:
            object_.finish(events_);
            held_.taken.clear();
            drops_space_ = true;
            return fail();
        case Outcome::kEnd:
            held_.taken.clear();
            drops_space_ = true;
            state_ = in_array_ ? State::kNextCall : State::kEnd;
            return true;
    }
    return false;
}

// Before an object, a comma or the array's end.
bool ToolCallParser::step_next_call() {
    if (!held_.take_space()) {
        return false;
    }
    if (held_.front() == '{') {
        return begin_object();
    }
    const bool is_behind_call = drops_space_ && calls_ > 0;
    if ((held_.front() == ',' || held_.front() == ']') && is_behind_call) {
        const bool is_last = held_.front() == ']';
        held_.text.erase(0, 1);
        held_.taken.clear();
        in_array_ = !is_last;
        state_ = is_last ? State::kEnd : State::kNextCall;
        return true;
    }
    return fail();
}

bool ToolCallParser::step_end() {
    const bool has_more = held_.take_space();
    held_.taken.clear();
    if (!has_more) {
        return false;
    }
    if (!marks_.close.empty()) {
        if (held_.text.size() < marks_.close.size() && marks_.close.starts_with(held_.text)) {
            return false;
        }
        held_.text.erase(0, held_.text.starts_with(marks_.close) ? marks_.close.size() : 0);
    } else if (options_.format == ToolCallFormat::kLlama3 || options_.format == ToolCallFormat::kJson) {
        if (held_.front() == '{') {
            return begin_object();
        }
        if (held_.front() == ';' || held_.front() == ',') {
            held_.text.erase(0, 1);
            return true;
        }
    }
    is_marked_ = false;
    state_ = State::kText;
    return true;
}

ParsedAnswer parse_tool_calls(std::string_view answer, ToolCallOptions options) {
    ParsedAnswer parsed;
    ToolCallParser parser(std::move(options));
    const auto take = [&](const std::vector<ToolCallEvent>& events) {
        for (const ToolCallEvent& event : events) {
            if (event.kind == ToolCallEvent::Kind::kContent) {
                parsed.content += event.text;
            } else if (event.kind == ToolCallEvent::Kind::kCallBegin) {
                parsed.calls.push_back({.name = event.text, .arguments = ""});
            } else {
                parsed.calls[event.index].arguments += event.text;
            }
        }
    };
    take(parser.push(answer));
    take(parser.finish());
    return parsed;
}

}  // namespace capstan::text
