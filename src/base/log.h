#pragma once

// Logging to stderr: JSON lines, or a human form, one line a call. Thread-safe.
//
// Never pass a secret; what looks like an API key ("cap_…", "sk-…", "Bearer …") is masked all the same, in
// the message and in every string of the fields.
//
//     log_info("server listens", {{"address", address}, {"port", port}});

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.h"

namespace capstan {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kHuman, kJson };

struct LogSettings {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kHuman;
};

struct LogField {
    std::string_view name;
    Json value;
};

// Applies from the next line on, in all threads.
void set_log_settings(LogSettings settings);
Result<LogLevel> parse_log_level(std::string_view text);    // "debug", "info", "warning", "error".
Result<LogFormat> parse_log_format(std::string_view text);  // "human", "json".

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kDebug, message, fields);
}

inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kInfo, message, fields);
}

inline void log_warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kWarning, message, fields);
}

inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::kError, message, fields);
}

// Adds "request_id" to every line logged by this thread while it lives. Scopes nest.
class LogRequestScope {
public:
    explicit LogRequestScope(std::string request_id);
    ~LogRequestScope();
    LogRequestScope(const LogRequestScope&) = delete;
    LogRequestScope& operator=(const LogRequestScope&) = delete;

private:
    std::string previous_;
};

// The line that `log` would write, without the newline: for tests.
std::string format_log_line(
    LogFormat format, LogLevel level, std::string_view message, std::initializer_list<LogField> fields
);

}  // namespace capstan
