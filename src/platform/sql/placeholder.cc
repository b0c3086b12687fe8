#include "platform/sql/placeholder.h"

#include <algorithm>

namespace capstan::sql {
namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where the token that starts at `at` ends, when it is a string, a quoted name or a comment; `at` otherwise.
std::size_t end_of_opaque(std::string_view text, std::size_t at) {
    const auto after = [&](std::string_view closing, std::size_t from) {
        const std::size_t found = text.find(closing, from);
        return found == std::string_view::npos ? text.size() : found + closing.size();
    };
    if (text[at] == '\'' || text[at] == '"') {
        return after(text.substr(at, 1), at + 1);  // A doubled quote opens the next token: the same effect.
    }
    if (text.substr(at).starts_with("--")) {
        return after("\n", at);
    }
    if (text.substr(at).starts_with("/*")) {
        return after("*/", at + 2);
    }
    return at;
}

}  // namespace

NumberedStatement number_placeholders(std::string_view statement) {
    NumberedStatement numbered;
    std::size_t at = 0;
    while (at < statement.size()) {
        std::size_t end = end_of_opaque(statement, at);
        if (end == at && statement.substr(at).starts_with("::")) {
            end = at + 2;
        }
        if (end == at && statement[at] == ':' && at + 1 < statement.size() &&
            is_name_character(statement[at + 1])) {
            const auto* first = statement.begin() + static_cast<std::ptrdiff_t>(at) + 1;
            const auto* last = std::find_if_not(first, statement.end(), is_name_character);
            const std::string_view name(first, last);
            auto known = std::ranges::find(numbered.names, name);
            if (known == numbered.names.end()) {
                known = numbered.names.insert(numbered.names.end(), name);
            }
            numbered.text += '$' + std::to_string(known - numbered.names.begin() + 1);
            at += 1 + name.size();
            continue;
        }
        end = std::max(end, at + 1);
        numbered.text += statement.substr(at, end - at);
        at = end;
    }
    return numbered;
}

}  // namespace capstan::sql
