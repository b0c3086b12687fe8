#include "text/stream_decoder.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/utf8.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

constexpr std::size_t kWindowIdsMax = 64;
constexpr std::string_view kReplacement = "\uFFFD";

}  // namespace

std::string StreamDecoder::push(std::int32_t id) {
    const bool is_skipped =
        skip_special_ && tokenizer_.is_special(id) && std::ranges::find(shown_, id) == shown_.end();
    if (is_skipped || tokenizer_.token_of(id).empty()) {
        return {};
    }
    const auto token_bytes = tokenizer_.bytes_of(id);
    if (!token_bytes) {
        return push_to_window(id);
    }
    bytes_ += *token_bytes;
    drop_start();
    const std::size_t whole = bytes_.size() - utf8_incomplete_tail(bytes_);
    std::string text = repaired(std::string_view(bytes_).substr(0, whole));
    bytes_.erase(0, whole);
    return text;
}

void StreamDecoder::drop_start() {
    if (start_.all_of_first) {
        std::erase(bytes_, ' ');
        start_.all_of_first = false;
    }
    while (start_.spaces > 0 && bytes_.starts_with(' ')) {
        bytes_.erase(0, 1);
        start_.spaces -= 1;
    }
    if (!bytes_.empty()) {
        start_.spaces = 0;
    }
}

std::string StreamDecoder::repaired(std::string_view bytes) const {
    return tokenizer_.marks_each_broken_byte() ? to_utf8(bytes) : repair_utf8(bytes);
}

// What is skipped never gets here. The text of a token may depend on those before it, so it is what the
// window's text grows by. The window starts with the ids of the piece before, for context.
std::string StreamDecoder::push_to_window(std::int32_t id) {
    window_.push_back(id);
    const std::span<const std::int32_t> ids(window_);
    const std::string shown = tokenizer_.decode(ids.first(shown_ids_), false);
    const std::string all = tokenizer_.decode(ids, false);
    const bool is_whole = !all.ends_with(kReplacement) || window_.size() - shown_ids_ >= kWindowIdsMax;
    if (all.size() <= shown.size() || !is_whole) {
        return {};
    }
    window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(shown_ids_));
    shown_ids_ = window_.size();
    return all.substr(shown.size());
}

std::string StreamDecoder::finish() {
    std::string text = repaired(bytes_);
    bytes_.clear();
    if (shown_ids_ < window_.size()) {
        const std::span<const std::int32_t> ids(window_);
        const std::string shown = tokenizer_.decode(ids.first(shown_ids_), false);
        const std::string all = tokenizer_.decode(ids, false);
        text += all.size() > shown.size() ? all.substr(shown.size()) : std::string();
    }
    window_.clear();
    shown_ids_ = 0;
    start_ = tokenizer_.decode_start();
    return text;
}

}  // namespace capstan::text
