#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/check.h"
#include "base/utf8.h"

namespace capstan {
namespace {

const Json kNull;

Result<Json> convert(simdjson::dom::element element);

Result<Json> convert_object(simdjson::dom::object object) {
    Json json = Json::object();
    Json::Object& members = *json.as_object();
    members.reserve(object.size());
    for (const auto field : object) {
        auto value = convert(field.value);
        if (!value) {
            return value;
        }
        members.emplace_back(std::string(field.key), std::move(*value));
    }
    // Sorted views find a repeated name without comparing all pairs.
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) {
        names.push_back(name);
    }
    std::ranges::sort(names);
    const auto repeated = std::ranges::adjacent_find(names);
    if (repeated != names.end()) {
        return Error{ErrorCode::kInvalid, fmt::format("JSON: '{}' is given twice", repeated->substr(0, 64))};
    }
    return json;
}

Result<Json> convert_array(simdjson::dom::array array) {
    Json::Array items;
    items.reserve(array.size());
    for (const auto item : array) {
        auto value = convert(item);
        if (!value) {
            return value;
        }
        items.push_back(std::move(*value));
    }
    return Json(std::move(items));
}

// simdjson has already bounded the depth of this recursion.
Result<Json> convert(simdjson::dom::element element) {
    switch (element.type()) {
        case simdjson::dom::element_type::ARRAY:
            return convert_array(element.get_array().value_unsafe());
        case simdjson::dom::element_type::OBJECT:
            return convert_object(element.get_object().value_unsafe());
        case simdjson::dom::element_type::INT64:
            return Json(static_cast<long long>(element.get_int64().value_unsafe()));
        case simdjson::dom::element_type::UINT64:
            return Json(static_cast<unsigned long long>(element.get_uint64().value_unsafe()));
        case simdjson::dom::element_type::DOUBLE:
            return Json(element.get_double().value_unsafe());
        case simdjson::dom::element_type::STRING:
            return Json(std::string_view(element.get_string().value_unsafe()));
        case simdjson::dom::element_type::BOOL:
            return Json(element.get_bool().value_unsafe());
        case simdjson::dom::element_type::NULL_VALUE:
            return Json();
    }
    return Error{ErrorCode::kInternal, "JSON: unknown element"};
}

}  // namespace

// Appends values to one string; `indent` < 0 is compact.
class JsonWriter {
public:
    JsonWriter(std::string& out, bool pretty) : out_(out), pretty_(pretty) {}

    void write(const Json& json) {
        std::visit([this](const auto& value) { put(value); }, json.value_);
    }

private:
    void put(std::monostate) { out_ += "null"; }

    void put(bool value) { out_ += value ? "true" : "false"; }

    void put(std::int64_t value) { fmt::format_to(std::back_inserter(out_), "{}", value); }

    void put(std::uint64_t value) { fmt::format_to(std::back_inserter(out_), "{}", value); }

    void put(double value) {
        if (!std::isfinite(value)) {
            out_ += "null";
            return;
        }
        const std::string text = fmt::format("{}", value);  // The shortest that reads back equal.
        out_ += text;
        if (text.find_first_of(".eE") == std::string::npos) {
            out_ += ".0";  // Stays a double when read again.
        }
    }

    void put(const std::string& value) { append_json_string(out_, value); }

    void put(const Json::Array& items) {
        list('[', ']', items, [this](const Json& item) { write(item); });
    }

    void put(const Json::Object& members) {
        list('{', '}', members, [this](const Json::Member& member) {
            append_json_string(out_, member.first);
            out_ += pretty_ ? ": " : ":";
            write(member.second);
        });
    }

    template <typename Items, typename Put>
    void list(char open, char close, const Items& items, Put put_item) {
        out_ += open;
        depth_ += 1;
        bool first = true;
        for (const auto& item : items) {
            if (!first) {
                out_ += ',';
            }
            first = false;
            new_line();
            put_item(item);
        }
        depth_ -= 1;
        if (!items.empty()) {
            new_line();
        }
        out_ += close;
    }

    void new_line() {
        if (pretty_) {
            out_ += '\n';
            out_.append(depth_ * 2, ' ');
        }
    }

    std::string& out_;
    bool pretty_;
    std::size_t depth_ = 0;
};

Json::Json(unsigned long long value) {
    if (value <= static_cast<unsigned long long>(std::numeric_limits<std::int64_t>::max())) {
        value_ = static_cast<std::int64_t>(value);
    } else {
        value_ = static_cast<std::uint64_t>(value);
    }
}

Json::Json(unsigned long value) : Json(static_cast<unsigned long long>(value)) {}

Json Json::object(std::initializer_list<Member> members) {
    Json json;
    json.value_ = Object(members);
    return json;
}

Json Json::array(std::initializer_list<Json> items) {
    return Json(Array(items));
}

bool Json::is_integer() const {
    return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<std::uint64_t>(value_);
}

bool Json::is_number() const {
    return is_integer() || std::holds_alternative<double>(value_);
}

std::optional<bool> Json::as_bool() const {
    const auto* value = std::get_if<bool>(&value_);
    return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<std::int64_t> Json::as_int() const {
    const auto* value = std::get_if<std::int64_t>(&value_);
    return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<double> Json::as_double() const {
    if (const auto* value = std::get_if<double>(&value_)) {
        return *value;
    }
    if (const auto* value = std::get_if<std::int64_t>(&value_)) {
        return static_cast<double>(*value);
    }
    if (const auto* value = std::get_if<std::uint64_t>(&value_)) {
        return static_cast<double>(*value);
    }
    return std::nullopt;
}

const Json& Json::operator[](std::string_view name) const {
    if (const Object* members = as_object()) {
        for (const auto& [key, value] : *members) {
            if (key == name) {
                return value;
            }
        }
    }
    return kNull;
}

bool Json::contains(std::string_view name) const {
    const Object* members = as_object();
    return members != nullptr &&
           std::ranges::any_of(*members, [name](const Member& member) { return member.first == name; });
}

Json& Json::set(std::string_view name, Json value) {
    if (is_null()) {
        value_ = Object();
    }
    Object* members = as_object();
    CHECK(members != nullptr, "set on a value that is no object");
    for (auto& [key, old] : *members) {
        if (key == name) {
            old = std::move(value);
            return *this;
        }
    }
    members->emplace_back(std::string(name), std::move(value));
    return *this;
}

Json& Json::push(Json value) {
    if (is_null()) {
        value_ = Array();
    }
    Array* items = as_array();
    CHECK(items != nullptr, "push on a value that is no array");
    items->push_back(std::move(value));
    return *this;
}

std::string Json::string_or(std::string_view name, std::string_view otherwise) const {
    const std::string* text = (*this)[name].as_string();
    return text != nullptr ? *text : std::string(otherwise);
}

std::int64_t Json::int_or(std::string_view name, std::int64_t otherwise) const {
    return (*this)[name].as_int().value_or(otherwise);
}

double Json::double_or(std::string_view name, double otherwise) const {
    return (*this)[name].as_double().value_or(otherwise);
}

bool Json::bool_or(std::string_view name, bool otherwise) const {
    return (*this)[name].as_bool().value_or(otherwise);
}

Result<std::string> Json::get_string(std::string_view name) const {
    const std::string* text = (*this)[name].as_string();
    if (text == nullptr) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}' must be a string", name)};
    }
    return *text;
}

Result<std::int64_t> Json::get_int(std::string_view name) const {
    const auto value = (*this)[name].as_int();
    if (!value) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}' must be an integer", name)};
    }
    return *value;
}

Result<double> Json::get_double(std::string_view name) const {
    const auto value = (*this)[name].as_double();
    if (!value) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}' must be a number", name)};
    }
    return *value;
}

std::string Json::dump() const {
    std::string out;
    JsonWriter(out, false).write(*this);
    return out;
}

std::string Json::dump_pretty() const {
    std::string out;
    JsonWriter(out, true).write(*this);
    out += '\n';
    return out;
}

Result<Json> parse_json(std::string_view text, int depth_max) {
    simdjson::dom::parser parser;
    const auto limited =
        parser.allocate(std::max<std::size_t>(text.size(), 32), static_cast<std::size_t>(depth_max));
    if (limited != simdjson::SUCCESS) {
        return Error{ErrorCode::kInvalid, std::string("JSON: ") + simdjson::error_message(limited)};
    }
    const simdjson::padded_string padded(text);
    const auto document = parser.parse(padded);
    if (document.error() != simdjson::SUCCESS) {
        return Error{ErrorCode::kInvalid, std::string("JSON: ") + simdjson::error_message(document.error())};
    }
    return convert(document.value_unsafe());
}

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += '"';
    std::size_t i = 0;
    while (i < text.size()) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x80) {
            const std::size_t length = utf8_length(text.substr(i));
            if (length == 0) {
                out += "\xEF\xBF\xBD";
                i += 1;
            } else {
                out.append(text, i, length);
                i += length;
            }
            continue;
        }
        if (byte == '"' || byte == '\\') {
            out += '\\';
            out += text[i];
        } else if (byte >= 0x20) {
            out += text[i];
        } else if (byte == '\n') {
            out += "\\n";
        } else if (byte == '\t') {
            out += "\\t";
        } else if (byte == '\r') {
            out += "\\r";
        } else {
            out += "\\u00";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
        i += 1;
    }
    out += '"';
}

}  // namespace capstan
