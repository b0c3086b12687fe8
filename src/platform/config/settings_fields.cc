// The kinds of fields that Settings knows: what each accepts from a file, and from text.

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "platform/config/settings.h"

namespace capstan::config {
namespace {

Error clause(std::string text) {
    return {ErrorCode::kInvalid, std::move(text)};
}

// The number that is all of `text`, or nothing.
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = failure == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}

Result<Json> check_boolean(const Json& value) {
    return value.is_bool() ? Result<Json>(value) : clause("must be true or false");
}

Result<Json> boolean_in(std::string_view text) {
    if (text == "true" || text == "1") {
        return Json(true);
    }
    if (text == "false" || text == "0") {
        return Json(false);
    }
    return clause(fmt::format("must be true or false; got '{}'", text.substr(0, 64)));
}

Result<Json> check_integer(const Json& value, const IntegerRules& rules) {
    const auto number = value.as_int();
    if (!number) {
        return clause(fmt::format("must be an integer; got {}", value.dump().substr(0, 64)));
    }
    if (*number < rules.min || *number > rules.max) {
        return clause(fmt::format("must be between {} and {}; got {}", rules.min, rules.max, *number));
    }
    return value;
}

Result<Json> check_number(const Json& value, const NumberRules& rules) {
    const auto number = value.as_double();
    if (!number || !std::isfinite(*number)) {
        return clause(fmt::format("must be a number; got {}", value.dump().substr(0, 64)));
    }
    if (*number < rules.min || *number > rules.max) {
        return clause(fmt::format("must be between {} and {}; got {}", rules.min, rules.max, *number));
    }
    return Json(*number);
}

// A secret's value is never quoted.
Result<Json> check_text(const Json& value, std::size_t bytes_max) {
    const std::string* text = value.as_string();
    if (text == nullptr) {
        return clause("must be a string in quotes");
    }
    if (text->size() > bytes_max) {
        return clause(fmt::format("may have at most {} bytes", bytes_max));
    }
    if (!is_utf8(*text) || text->find('\0') != std::string::npos) {
        return clause("must be UTF-8 without NUL");
    }
    return value;
}

Result<Json> check_list(const Json& value, std::size_t bytes_max) {
    const Json::Array* items = value.as_array();
    if (items == nullptr) {
        return clause("must be a list of strings, such as [\"a\", \"b\"]");
    }
    for (const Json& item : *items) {
        if (auto checked = check_text(item, bytes_max); !checked) {
            return clause("is a list whose items each " + checked.error().message);
        }
    }
    return value;
}

Json split(std::string_view text) {
    Json items = Json::array();
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        items.push(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return items;
}

}  // namespace

void Settings::boolean(std::string_view key, bool& target, BooleanRules rules) {
    add({
        .key = std::string(key),
        .variable = {},
        .type = "boolean",
        .help = std::string(rules.help),
        .initial = target,
        .value = {},
        .from_json = check_boolean,
        .from_text = boolean_in,
        .assign = [&target](const Json& value) { target = *value.as_bool(); },
    });
}

void Settings::add_integer(
    std::string_view key, IntegerRules rules, Json initial, std::function<void(const Json&)> assign
) {
    add({
        .key = std::string(key),
        .variable = {},
        .type = "integer",
        .help = std::string(rules.help),
        .initial = std::move(initial),
        .value = {},
        .from_json = [rules](const Json& value) { return check_integer(value, rules); },
        .from_text =
            [rules](std::string_view text) {
                const auto number = number_in<std::int64_t>(text);
                return check_integer(number ? Json(*number) : Json(text), rules);
            },
        .assign = std::move(assign),
    });
}

void Settings::number(std::string_view key, double& target, NumberRules rules) {
    add({
        .key = std::string(key),
        .variable = {},
        .type = "number",
        .help = std::string(rules.help),
        .initial = target,
        .value = {},
        .from_json = [rules](const Json& value) { return check_number(value, rules); },
        .from_text =
            [rules](std::string_view text) {
                const auto number = number_in<double>(text);
                return check_number(number ? Json(*number) : Json(text), rules);
            },
        .assign = [&target](const Json& value) { target = *value.as_double(); },
    });
}

void Settings::text(std::string_view key, std::string& target, TextRules rules) {
    const auto check = [rules](const Json& value) { return check_text(value, rules.bytes_max); };
    add({
        .key = std::string(key),
        .variable = {},
        .type = "text",
        .help = std::string(rules.help),
        .is_secret = rules.is_secret,
        .initial = target,
        .value = {},
        .from_json = check,
        .from_text = [check](std::string_view text) { return check(Json(text)); },
        .assign = [&target](const Json& value) { target = *value.as_string(); },
    });
}

void Settings::path(std::string_view key, std::filesystem::path& target, TextRules rules) {
    const auto check = [rules](const Json& value) { return check_text(value, rules.bytes_max); };
    add({
        .key = std::string(key),
        .variable = {},
        .type = "text",
        .help = std::string(rules.help),
        .is_secret = rules.is_secret,
        .initial = target.string(),
        .value = {},
        .from_json = check,
        .from_text = [check](std::string_view text) { return check(Json(text)); },
        .assign = [&target](const Json& value) { target = *value.as_string(); },
    });
}

void Settings::list(std::string_view key, std::vector<std::string>& target, TextRules rules) {
    const auto check = [rules](const Json& value) { return check_list(value, rules.bytes_max); };
    add({
        .key = std::string(key),
        .variable = {},
        .type = "list",
        .help = std::string(rules.help),
        .is_secret = rules.is_secret,
        .initial = Json::array_of(target),
        .value = {},
        .from_json = check,
        .from_text = [check](std::string_view text) { return check(split(text)); },
        .assign =
            [&target](const Json& value) {
                target.clear();
                for (const Json& item : *value.as_array()) {
                    target.push_back(*item.as_string());
                }
            },
    });
}

void Settings::add_choice(
    std::string_view key,
    std::string_view help,
    std::vector<std::string> words,
    std::string_view initial,
    std::function<void(const Json&)> assign
) {
    const std::string type = fmt::format("one of {}", fmt::join(words, ", "));
    const auto check = [words](const Json& value) -> Result<Json> {
        const std::string* text = value.as_string();
        for (const std::string& word : words) {
            if (text != nullptr && *text == word) {
                return value;
            }
        }
        return clause(
            fmt::format("must be one of {}; got {}", fmt::join(words, ", "), value.dump().substr(0, 64))
        );
    };
    add({
        .key = std::string(key),
        .variable = {},
        .type = type,
        .help = std::string(help),
        .initial = initial,
        .value = {},
        .from_json = check,
        .from_text = [check](std::string_view text) { return check(Json(text)); },
        .assign = std::move(assign),
    });
}

}  // namespace capstan::config
