#include "app/quickstart/console.h"

#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"

namespace capstan::app {
namespace {

constexpr int kSteps = 10;
constexpr std::int64_t kLineEveryMs = 15'000;
constexpr std::int64_t kRedrawEveryMs = 100;

}  // namespace

Console::Console() : is_terminal_(::isatty(STDOUT_FILENO) == 1), started_ms_(monotonic_now_ms()) {}

double Console::total_s() const {
    return static_cast<double>(monotonic_now_ms() - started_ms_) / 1000;
}

void Console::clear() {
    if (is_terminal_) {
        fmt::print("\r\x1b[K");
    }
}

void Console::step(std::string_view title) {
    number_ += 1;
    title_ = fmt::format("[{:>2}/{}] {:<10}", number_, kSteps, title);
    step_started_ms_ = monotonic_now_ms();
    shown_ms_ = step_started_ms_;
    if (is_terminal_) {
        fmt::print("{} …", title_);
    }
    std::fflush(stdout);
}

void Console::progress(const std::string& text) {
    const std::int64_t now_ms = monotonic_now_ms();
    if (now_ms - shown_ms_ < (is_terminal_ ? kRedrawEveryMs : kLineEveryMs)) {
        return;
    }
    shown_ms_ = now_ms;
    clear();
    fmt::print("{} … {}{}", title_, text, is_terminal_ ? "" : "\n");
    std::fflush(stdout);
}

void Console::done(const std::string& text) {
    clear();
    fmt::print(
        "{} {} ({:.1f} s)\n", title_, text, static_cast<double>(monotonic_now_ms() - step_started_ms_) / 1000
    );
    std::fflush(stdout);
}

void Console::line(const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

}  // namespace capstan::app
