#include "platform/config/toml_file.h"

#define TOML_EXCEPTIONS 0   // Errors come back as values.
#define TOML_HEADER_ONLY 1  // Debian's library is built with exceptions.
#include <algorithm>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace capstan::config {
namespace {

bool is_bare(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

Json json_of(const toml::node& node) {
    if (const auto* value = node.as_boolean()) {
        return value->get();
    }
    if (const auto* value = node.as_integer()) {
        return static_cast<std::int64_t>(value->get());
    }
    if (const auto* value = node.as_floating_point()) {
        return value->get();
    }
    if (const auto* value = node.as_string()) {
        return value->get();
    }
    if (const auto* items = node.as_array()) {
        Json list = Json::array();
        for (const toml::node& item : *items) {
            list.push(json_of(item));
        }
        return list;
    }
    return {};  // Dates, times, and tables inside arrays.
}

// toml++ bounds the depth of this recursion (256).
void flatten(const toml::table& table, const std::string& prefix, std::vector<TomlEntry>& entries) {
    for (const auto& [name, node] : table) {
        const std::string_view word = name.str();
        const std::string key = prefix + (is_bare(word) ? std::string(word) : Json(word).dump());
        const int line = static_cast<int>(name.source().begin.line);
        const toml::table* inner = node.as_table();
        if (inner != nullptr && !inner->empty()) {
            flatten(*inner, key + ".", entries);
        } else {
            entries.push_back({
                .key = key,
                .value = inner != nullptr ? Json::object() : json_of(node),
                .line = line,
                .is_empty_table = inner != nullptr,
            });
        }
    }
}

}  // namespace

Result<std::vector<TomlEntry>> parse_toml(std::string_view text) {
    // TOML allows none of these anywhere; toml++ 3.3 asserts on some.
    const auto control = std::ranges::find_if(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F;
    });
    if (control != text.end()) {
        const auto line = std::count(text.begin(), control, '\n') + 1;
        return Error{ErrorCode::kInvalid, fmt::format("{}: control characters must be escaped", line)};
    }
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) {
        const toml::parse_error& failure = parsed.error();
        return Error{
            ErrorCode::kInvalid, fmt::format("{}: {}", failure.source().begin.line, failure.description())
        };
    }
    std::vector<TomlEntry> entries;
    flatten(parsed.table(), "", entries);
    return entries;
}

std::string toml_text(const Json& value) {
    if (const Json::Array* items = value.as_array()) {
        std::string text;
        for (const Json& item : *items) {
            text += (text.empty() ? "" : ", ") + toml_text(item);
        }
        return "[" + text + "]";
    }
    return value.dump();  // JSON's scalars are TOML's.
}

}  // namespace capstan::config
