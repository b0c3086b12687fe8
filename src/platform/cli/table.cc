#include "platform/cli/table.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"

namespace capstan::cli {
namespace {

constexpr std::size_t kCellCharsMax = 60;

std::size_t char_count(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// The first `chars_max` characters, the last of them "…" when something was cut; control characters as
// spaces.
std::string cut(std::string_view text, std::size_t chars_max) {
    std::string out;
    std::size_t chars = 0;
    while (!text.empty()) {
        const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
        if (chars + 1 == chars_max && text.size() > length) {
            return out + "…";
        }
        const bool control = static_cast<unsigned char>(text.front()) < 0x20;
        out += control ? " " : std::string(text.substr(0, length));
        chars += 1;
        text.remove_prefix(length);
    }
    return out;
}

const Json& at_path(const Json& value, std::string_view path) {
    const std::size_t dot = path.find('.');
    const Json& member = value[path.substr(0, dot)];
    return dot == std::string_view::npos ? member : at_path(member, path.substr(dot + 1));
}

std::string scalar_text(const Json& value) {
    if (value.is_null()) {
        return "-";
    }
    if (const auto* text = value.as_string()) {
        return *text;
    }
    if (const auto number = value.as_double(); number && !value.is_integer()) {
        return fmt::format("{:.6g}", *number);
    }
    return value.dump();
}

}  // namespace

std::string cell_text(const Json& value, const std::string& path) {
    return scalar_text(at_path(value, path));
}

std::string render_table(const Json::Array& items, const std::vector<Column>& columns) {
    std::vector<std::vector<std::string>> rows(1);
    for (const Column& column : columns) {
        rows.front().push_back(column.title);
    }
    for (const Json& item : items) {
        auto& row = rows.emplace_back();
        for (const Column& column : columns) {
            row.push_back(cut(cell_text(item, column.path), kCellCharsMax));
        }
    }
    std::vector<std::size_t> widths(columns.size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], char_count(row[i]));
        }
    }
    std::string out;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out += row[i];
            const bool last = i + 1 == row.size();
            out.append(last ? 0 : widths[i] - char_count(row[i]) + 2, ' ');
        }
        out += '\n';
    }
    return out;
}

std::string render_members(const Json& object) {
    std::string out;
    const Json::Object* members = object.as_object();
    if (members == nullptr) {
        return object.dump_pretty();
    }
    for (const auto& [name, value] : *members) {
        const bool container = value.is_array() || value.is_object();
        out += name + ": " + (container ? value.dump_pretty() : scalar_text(value) + "\n");
    }
    return out;
}

}  // namespace capstan::cli
