#include "engine/client/stop_filter.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"

namespace capstan::engine {
namespace {

// Bytes at the end of `text` that begin `stop` without being all of it.
std::size_t overlap(std::string_view text, std::string_view stop) {
    for (std::size_t bytes = std::min(text.size(), stop.size() - 1); bytes > 0; --bytes) {
        if (text.ends_with(stop.substr(0, bytes))) {
            return bytes;
        }
    }
    return 0;
}

}  // namespace

Result<void> check_stops(const std::vector<std::string>& stops) {
    if (stops.size() > kStopStringsMax) {
        return Error{
            ErrorCode::kInvalid, fmt::format("{} stop strings; at most {}", stops.size(), kStopStringsMax)
        };
    }
    for (const std::string& stop : stops) {
        if (stop.empty() || stop.size() > kStopBytesMax || !is_utf8(stop)) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("a stop string must be UTF-8 of 1 to {} bytes", kStopBytesMax)
            };
        }
    }
    return {};
}

std::string StopFilter::push(std::string_view piece) {
    if (stopped_) {
        return "";
    }
    held_ += piece;
    std::pair<std::size_t, std::size_t> first = {std::string::npos, 0};  // End and begin of the match.
    std::size_t kept = 0;
    for (const std::string& stop : stops_) {
        if (const std::size_t begin = held_.find(stop); begin != std::string::npos) {
            first = std::min(first, {begin + stop.size(), begin});
        }
        kept = std::max(kept, overlap(held_, stop));
    }
    if (first.first != std::string::npos) {
        stopped_ = true;
        const std::size_t end = stop_text_ == StopText::kShown ? first.first : first.second;
        return std::exchange(held_, "").substr(0, end);
    }
    std::string shown = held_.substr(0, held_.size() - kept);
    held_.erase(0, shown.size());
    return shown;
}

std::string StopFilter::finish() {
    return std::exchange(held_, "");
}

}  // namespace capstan::engine
