#include "engine/client/literal_marks.h"

#include <algorithm>
#include <utility>

#include "base/id.h"

namespace capstan::engine {
namespace {

bool has_special_token(const text::Tokenizer& tokenizer, const Json& value) {
    if (const std::string* string = value.as_string()) {
        return !tokenizer.special_tokens_in(*string).empty();
    }
    if (const Json::Array* items = value.as_array()) {
        return std::ranges::any_of(*items, [&](const Json& item) {
            return has_special_token(tokenizer, item);
        });
    }
    if (const Json::Object* members = value.as_object()) {
        return std::ranges::any_of(*members, [&](const Json::Member& member) {
            return has_special_token(tokenizer, member.second);
        });
    }
    return false;
}

// In characters for private use, which no template knows, and of a random number, which no caller can guess:
// a caller who brought marks could have what is left, when they are taken out, be a special token.
std::string new_mark() {
    std::string mark;
    for (const char digit : new_id()) {
        mark += "\xF4\x80\x80";  // U+100000 to U+10003F
        mark += static_cast<char>(0x80 | (digit & 0x3F));
    }
    return mark;
}

void mark_strings(const text::Tokenizer& tokenizer, const std::string& mark, Json& value) {
    if (const std::string* string = value.as_string()) {
        std::string marked;
        std::size_t done = 0;
        for (const text::ByteRange& range : tokenizer.special_tokens_in(*string)) {
            marked.append(*string, done, range.begin - done);
            marked.append(mark).append(*string, range.begin, range.end - range.begin).append(mark);
            done = range.end;
        }
        marked.append(*string, done);
        value = std::move(marked);
    } else if (Json::Array* items = value.as_array()) {
        for (Json& item : *items) {
            mark_strings(tokenizer, mark, item);
        }
    } else if (Json::Object* members = value.as_object()) {
        for (Json::Member& member : *members) {
            mark_strings(tokenizer, mark, member.second);
        }
    }
}

}  // namespace

LiteralMarks::LiteralMarks(const text::Tokenizer& tokenizer, Json& messages) {
    if (has_special_token(tokenizer, messages)) {
        mark_ = new_mark();
        mark_strings(tokenizer, mark_, messages);
    }
}

LiteralMarks::Unmarked LiteralMarks::take_from(std::string_view rendered) const {
    Unmarked unmarked;
    if (mark_.empty()) {
        unmarked.text = rendered;
        return unmarked;
    }
    bool is_literal = false;
    while (true) {
        const std::size_t at = std::min(rendered.find(mark_), rendered.size());
        const std::size_t begin = unmarked.text.size();
        unmarked.text += rendered.substr(0, at);
        if (is_literal && at > 0) {
            unmarked.literal.push_back({begin, begin + at});
        }
        if (at == rendered.size()) {
            return unmarked;
        }
        rendered.remove_prefix(at + mark_.size());
        is_literal = !is_literal;
    }
}

}  // namespace capstan::engine
