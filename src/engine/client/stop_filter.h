#pragma once

// Ends a text before a stop string: the one that is complete first, the longest of several, however the text
// is cut into pieces.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::engine {

inline constexpr std::size_t kStopStringsMax = 16;
inline constexpr std::size_t kStopBytesMax = 500;

// kInvalid for too many, for empty or long ones, and for what is no UTF-8.
Result<void> check_stops(const std::vector<std::string>& stops);

enum class StopText { kDropped, kShown };

// For one text. Pieces in and out are whole UTF-8 characters.
class StopFilter {
public:
    explicit StopFilter(std::vector<std::string> stops, StopText stop_text = StopText::kDropped)
        : stops_(std::move(stops)), stop_text_(stop_text) {}

    // What may be shown now: text that could still become a stop string is held back. Nothing after a stop.
    std::string push(std::string_view piece);

    // What was held back, when the text ends without a stop.
    std::string finish();

    bool stopped() const { return stopped_; }

private:
    std::vector<std::string> stops_;
    StopText stop_text_;
    std::string held_;
    bool stopped_ = false;
};

}  // namespace capstan::engine
