#pragma once

// What the quickstart says on the terminal: a line a step, with progress on it while a terminal is there.

#include <cstdint>
#include <string>
#include <string_view>

namespace capstan::app {

// Used by one thread.
class Console {
public:
    Console();

    void step(std::string_view title);  // A new step begins.
    void progress(const std::string& text
    );  // Replaces the progress of this step; without a terminal, a line every few seconds.
    void done(const std::string& text);  // The step ends.
    void line(const std::string& text);

    double total_s() const;

private:
    void clear();

    bool is_terminal_;
    int number_ = 0;
    std::int64_t started_ms_;
    std::int64_t step_started_ms_ = 0;
    std::int64_t shown_ms_ = 0;
    std::string title_;
};

}  // namespace capstan::app
