// Values as text, as Python's str() and json.dumps write them.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "text/jinja_value.h"
#include "text/unicode.h"

namespace capstan::text::jinja {
namespace {

std::string float_text(double value, std::string_view nan, std::string_view infinity) {
    if (std::isnan(value)) {
        return std::string(nan);
    }
    if (std::isinf(value)) {
        return fmt::format("{}{}", value < 0 ? "-" : "", infinity);
    }
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".e") == std::string::npos) {
        text += ".0";
    }
    return text;
}

// Python's repr of a string. What it would not print (controls, and a few more) comes out as it is beyond
// ASCII.
void append_repr(std::string& out, std::string_view text) {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
    out += quote;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == quote || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\r') {
            out += "\\r";
        } else if (c == '\t') {
            out += "\\t";
        } else if (byte < 0x20 || byte == 0x7F) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    out += quote;
}

void append_value(std::string& out, const Value& value, bool quoted);

void append_list(std::string& out, const List& list) {
    out += list.is_tuple ? '(' : '[';
    for (std::size_t i = 0; i < list.items.size(); ++i) {
        out += i > 0 ? ", " : "";
        append_value(out, list.items[i], true);
    }
    out += list.is_tuple && list.items.size() == 1 ? "," : "";
    out += list.is_tuple ? ')' : ']';
}

void append_dict(std::string& out, const Dict& dict) {
    out += '{';
    for (std::size_t i = 0; i < dict.members.size(); ++i) {
        out += i > 0 ? ", " : "";
        append_repr(out, dict.members[i].first);
        out += ": ";
        append_value(out, dict.members[i].second, true);
    }
    out += '}';
}

void append_value(std::string& out, const Value& value, bool quoted) {
    if (const std::string* text = value.string()) {
        if (quoted) {
            append_repr(out, *text);
        } else {
            out += *text;
        }
    } else if (const bool* boolean = value.as<bool>()) {
        out += *boolean ? "True" : "False";
    } else if (const std::int64_t* integer = value.integer()) {
        out += fmt::format("{}", *integer);
    } else if (const double* floating = value.as<double>()) {
        out += float_text(*floating, "nan", "inf");
    } else if (const List* list = value.list()) {
        append_list(out, *list);
    } else if (const Dict* dict = value.dict()) {
        append_dict(out, *dict);
    } else if (value.is_undefined()) {
        out += quoted ? "Undefined" : "";
    } else if (value.is_none()) {
        out += "None";
    } else {
        out += fmt::format("<{}>", value.type());
    }
}

class JsonPrinter {
public:
    JsonPrinter(const JsonStyle& style, std::size_t bytes_max) : style_(style), bytes_max_(bytes_max) {}

    Result<void> print(const Value& value, int level) {
        if (out_.size() > bytes_max_) {
            return Error{ErrorCode::kTooLarge, fmt::format("tojson: more than {} bytes", bytes_max_)};
        }
        if (const std::string* text = value.string()) {
            print_string(*text);
        } else if (const bool* boolean = value.as<bool>()) {
            out_ += *boolean ? "true" : "false";
        } else if (const std::int64_t* integer = value.integer()) {
            out_ += fmt::format("{}", *integer);
        } else if (const double* floating = value.as<double>()) {
            out_ += float_text(*floating, "NaN", "Infinity");
        } else if (value.is_none()) {
            out_ += "null";
        } else if (const List* list = value.list()) {
            return print_list(*list, level);
        } else if (const Dict* dict = value.dict()) {
            return print_dict(*dict, level);
        } else {
            return Error{ErrorCode::kInvalid, fmt::format("tojson: {} is not JSON", value.type())};
        }
        return {};
    }

    std::string take() { return std::move(out_); }

private:
    Result<void> print_list(const List& list, int level) {
        out_ += '[';
        for (std::size_t i = 0; i < list.items.size(); ++i) {
            separate(i == 0, level + 1);
            if (auto printed = print(list.items[i], level + 1); !printed) {
                return printed;
            }
        }
        close(list.items.empty(), level);
        out_ += ']';
        return {};
    }

    Result<void> print_dict(const Dict& dict, int level) {
        std::vector<const std::pair<std::string, Value>*> members;
        for (const auto& member : dict.members) {
            members.push_back(&member);
        }
        if (style_.sort_keys) {
            std::ranges::sort(members, {}, [](const auto* member) {
                return std::string_view(member->first);
            });
        }
        out_ += '{';
        for (std::size_t i = 0; i < members.size(); ++i) {
            separate(i == 0, level + 1);
            print_string(members[i]->first);
            out_ += style_.key_separator;
            if (auto printed = print(members[i]->second, level + 1); !printed) {
                return printed;
            }
        }
        close(members.empty(), level);
        out_ += '}';
        return {};
    }

    void separate(bool is_first, int level) {
        out_ += is_first ? "" : style_.item_separator;
        new_line(level);
    }

    void close(bool is_empty, int level) {
        if (!is_empty) {
            new_line(level);
        }
    }

    void new_line(int level) {
        if (style_.indent >= 0) {
            out_ += '\n';
            out_.append(static_cast<std::size_t>(style_.indent * level), ' ');
        }
    }

    void print_string(std::string_view text) {
        out_ += '"';
        while (!text.empty()) {
            const Character c = front_character(text);
            print_character(c.code_point, text.substr(0, c.length));
            text.remove_prefix(c.length);
        }
        out_ += '"';
    }

    void print_character(std::uint32_t c, std::string_view bytes) {
        constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f";
        constexpr std::string_view kLetters = "\"\\nrtbf";
        const std::size_t at = c < 0x80 ? kEscaped.find(static_cast<char>(c)) : std::string_view::npos;
        if (at != std::string_view::npos) {
            out_ += '\\';
            out_ += kLetters[at];
        } else if (c < 0x20 || (style_.ascii_only && c > 0x7E && c < 0x10000)) {
            out_ += fmt::format("\\u{:04x}", c);
        } else if (c == kBroken) {
            out_ += "\uFFFD";
        } else if (style_.ascii_only && c >= 0x10000) {
            const std::uint32_t rest = c - 0x10000;
            out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
        } else {
            out_ += bytes;
        }
    }

    const JsonStyle& style_;
    std::size_t bytes_max_;
    std::string out_;
};

}  // namespace

std::string to_text(const Value& value) {
    std::string out;
    append_value(out, value, false);
    return out;
}

Result<std::string> to_json(const Value& value, const JsonStyle& style, std::size_t bytes_max) {
    JsonPrinter printer(style, bytes_max);
    if (auto printed = printer.print(value, 0); !printed) {
        return printed.error();
    }
    return printer.take();
}

}  // namespace capstan::text::jinja
