#include "base/log.h"

#include <array>
#include <atomic>
#include <cctype>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"

namespace capstan {
namespace {

std::atomic<LogSettings> settings_now{LogSettings{}};
thread_local std::string thread_request_id;

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

bool is_token_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' || c == '~' ||
           c == '+' || c == '/' || c == '=';
}

// Replaces what follows a prefix of secrets, when it is long enough to be one.
std::string mask_secrets(std::string text) {
    constexpr std::array<std::string_view, 4> kPrefixes = {"cap_", "sk-", "Bearer ", "Basic "};
    constexpr std::size_t kSecretBytesMin = 12;
    for (const std::string_view prefix : kPrefixes) {
        std::size_t at = text.find(prefix);
        while (at != std::string::npos) {
            const std::size_t begin = at + prefix.size();
            std::size_t end = begin;
            while (end < text.size() && is_token_char(text[end])) {
                end += 1;
            }
            const bool starts_word = at == 0 || std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0;
            if (starts_word && end - begin >= kSecretBytesMin) {
                text.replace(begin, end - begin, "***");
            }
            at = text.find(prefix, begin);
        }
    }
    return text;
}

Json masked(Json value) {
    if (const std::string* text = value.as_string()) {
        return mask_secrets(*text);
    }
    if (Json::Array* items = value.as_array()) {
        for (Json& item : *items) {
            item = masked(std::move(item));
        }
    }
    if (Json::Object* members = value.as_object()) {
        for (auto& [name, member] : *members) {
            member = masked(std::move(member));
        }
    }
    return value;
}

// A message may quote what a stranger sent: control characters must not start a line that we did not write.
std::string one_line(std::string_view message) {
    std::string line;
    line.reserve(message.size());
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            line += fmt::format("\\x{:02x}", byte);
        } else {
            line += c;
        }
    }
    return line;
}

std::string json_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    Json line = Json::object(
        {{"time", rfc3339(system_now_ms())},
         {"level", kLevelNames[static_cast<std::size_t>(level)]},
         {"message", mask_secrets(std::string(message))}}
    );
    if (!thread_request_id.empty()) {
        line.set("request_id", thread_request_id);
    }
    for (const auto& [name, value] : fields) {
        line.set(name, masked(value));
    }
    return line.dump();
}

std::string human_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    std::string line = fmt::format(
        "{} {:<7} {}",
        rfc3339(system_now_ms()),
        kLevelNames[static_cast<std::size_t>(level)],
        one_line(mask_secrets(std::string(message)))
    );
    for (const auto& [name, value] : fields) {
        line += fmt::format(" {}={}", name, masked(value).dump());
    }
    if (!thread_request_id.empty()) {
        line += " request_id=" + thread_request_id;
    }
    return line;
}

template <typename Value>
Result<Value> parse_one_of(
    std::string_view what, std::string_view text, std::initializer_list<std::string_view> names
) {
    int index = 0;
    for (const std::string_view name : names) {
        if (name == text) {
            return static_cast<Value>(index);
        }
        index += 1;
    }
    return Error{
        ErrorCode::kInvalid, fmt::format("'{}' is no {}; use one of {}", text, what, fmt::join(names, ", "))
    };
}

}  // namespace

void set_log_settings(LogSettings settings) {
    settings_now = settings;
}

Result<LogLevel> parse_log_level(std::string_view text) {
    return parse_one_of<LogLevel>("log level", text, {"debug", "info", "warning", "error"});
}

Result<LogFormat> parse_log_format(std::string_view text) {
    return parse_one_of<LogFormat>("log format", text, {"human", "json"});
}

std::string format_log_line(
    LogFormat format, LogLevel level, std::string_view message, std::initializer_list<LogField> fields
) {
    return format == LogFormat::kJson ? json_line(level, message, fields)
                                      : human_line(level, message, fields);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    const LogSettings settings = settings_now;
    if (level < settings.level) {
        return;
    }
    const std::string line = format_log_line(settings.format, level, message, fields) + "\n";
    // One write a line: lines of several threads and processes do not mix. A full pipe loses the line, not
    // the request.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

LogRequestScope::LogRequestScope(std::string request_id)
    : previous_(std::exchange(thread_request_id, std::move(request_id))) {}

LogRequestScope::~LogRequestScope() {
    thread_request_id = std::move(previous_);
}

}  // namespace capstan
