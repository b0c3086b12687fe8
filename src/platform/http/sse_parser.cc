#include "platform/http/sse_parser.h"

#include <algorithm>
#include <charconv>

namespace capstan::http {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\n");
}

std::string in_one_line(std::string_view text) {
    std::string line(text);
    std::erase_if(line, [](char c) { return c == '\n' || c == '\r'; });
    return line;
}

}  // namespace

std::string encode_sse(const SseEvent& event) {
    std::string out;
    if (!event.id.empty()) {
        append_field(out, "id", in_one_line(event.id));
    }
    if (!event.event.empty()) {
        append_field(out, "event", in_one_line(event.event));
    }
    if (event.retry_ms) {
        append_field(out, "retry", std::to_string(*event.retry_ms));
    }
    std::string_view rest = event.data;
    while (true) {
        const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
        append_field(out, "data", rest.substr(0, end));
        if (end == rest.size()) {
            break;
        }
        rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
    }
    return out += "\n";
}

Result<void> SseParser::feed(
    std::string_view bytes, const std::function<Result<void>(const SseEvent&)>& on_event
) {
    while (bom_bytes_ >= 0 && !bytes.empty()) {
        if (bytes[0] != kByteOrderMark[static_cast<std::size_t>(bom_bytes_)]) {
            line_ = kByteOrderMark.substr(0, static_cast<std::size_t>(bom_bytes_));  // It was text after all.
            bom_bytes_ = -1;
            break;
        }
        bytes.remove_prefix(1);
        bom_bytes_ = bom_bytes_ == 2 ? -1 : bom_bytes_ + 1;
    }
    while (!bytes.empty()) {
        if (is_after_cr_ && bytes[0] == '\n') {
            bytes.remove_prefix(1);
            is_after_cr_ = false;
            continue;
        }
        is_after_cr_ = false;
        const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
        if (line_.size() + end + event_.data.size() > event_bytes_max_) {
            return Error{
                ErrorCode::kTooLarge, "an event is larger than " + std::to_string(event_bytes_max_) + " bytes"
            };
        }
        line_.append(bytes.substr(0, end));
        if (end == bytes.size()) {
            return {};
        }
        is_after_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        const Result<void> taken = take_line(on_event);
        if (!taken) {
            return taken;
        }
    }
    return {};
}

Result<void> SseParser::take_line(const std::function<Result<void>(const SseEvent&)>& on_event) {
    const std::string line = std::exchange(line_, {});
    if (!line.empty()) {
        const std::size_t colon = std::min(line.find(':'), line.size());
        std::string_view value = std::string_view(line).substr(std::min(colon + 1, line.size()));
        if (value.starts_with(' ')) {
            value.remove_prefix(1);
        }
        take_field(std::string_view(line).substr(0, colon), value);
        return {};
    }
    SseEvent event = std::exchange(event_, {});
    if (!std::exchange(has_data_, false)) {
        return {};
    }
    event.data.pop_back();  // The '\n' after its last line.
    event.id = last_id_;
    return on_event(event);
}

void SseParser::take_field(std::string_view name, std::string_view value) {
    if (name == "data") {
        event_.data.append(value).push_back('\n');
        has_data_ = true;
    } else if (name == "event") {
        event_.event = value;
    } else if (name == "id" && !value.contains('\0')) {
        last_id_ = value;
    } else if (name == "retry") {
        std::int64_t retry_ms = 0;
        const char* const end = value.data() + value.size();
        const auto [stop, failure] = std::from_chars(value.data(), end, retry_ms);
        if (failure == std::errc() && stop == end && retry_ms >= 0) {
            event_.retry_ms = retry_ms;
        }
    }
}

}  // namespace capstan::http
