#include "text/json_value_scanner.h"

namespace capstan::text {
namespace {

bool ends_scalar(char c) {
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

void JsonValueScanner::reset() {
    *this = {};
}

JsonValueScanner::Scanned JsonValueScanner::scan(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string_) {
            in_string_ = escaped_ || c != '"';
            escaped_ = !escaped_ && c == '\\';
            if (!in_string_ && closers_.empty()) {
                return {.outcome = Outcome::kEnd, .bytes = i + 1};
            }
        } else if (is_scalar_) {
            if (ends_scalar(c)) {
                return {.outcome = Outcome::kEnd, .bytes = i};
            }
        } else if (c == '"') {
            in_string_ = true;
        } else if (c == '{' || c == '[') {
            if (closers_.size() >= kDepthMax) {
                return {.outcome = Outcome::kBroken, .bytes = i};
            }
            closers_ += c == '{' ? '}' : ']';
        } else if (c == '}' || c == ']') {
            if (closers_.empty() || closers_.back() != c) {
                return {.outcome = Outcome::kBroken, .bytes = i};
            }
            closers_.pop_back();
            if (closers_.empty()) {
                return {.outcome = Outcome::kEnd, .bytes = i + 1};
            }
        } else if (closers_.empty()) {
            if (ends_scalar(c)) {
                return {.outcome = Outcome::kBroken, .bytes = i};
            }
            is_scalar_ = true;
        }
    }
    return {.outcome = Outcome::kMore, .bytes = text.size()};
}

}  // namespace capstan::text
