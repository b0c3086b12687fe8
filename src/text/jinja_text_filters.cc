#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "text/jinja_characters.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"

namespace capstan::text::jinja {
namespace {

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

// The input as text, paid for.
Result<std::string> text_of(Budget& budget, const Value& input) {
    if (auto charged = budget.charge_walk(input); !charged) {
        return charged.error();
    }
    return to_text(input);
}

template <std::string (*kChange)(std::string_view)>
Result<Value> change_text(Budget& budget, const Value& input, const CallArguments&) {
    const auto text = text_of(budget, input);
    return text ? budget.text(kChange(*text)) : text.error();
}

// As Jinja's: words begin behind blanks, hyphens and opening brackets.
std::string title_words(std::string_view text) {
    std::string out;
    bool in_word = false;
    for (const std::string_view character : Characters(text)) {
        const bool separates = strip(character, "", true, true).empty() ||
                               std::string_view("-({[<").find(character) != std::string_view::npos;
        out += separates ? std::string(character) : in_word ? lower(character) : upper(character);
        in_word = !separates;
    }
    return out;
}

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '\'':
                out += "&#39;";
                break;
            case '"':
                out += "&#34;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string same(std::string_view text) {
    return std::string(text);
}

Result<Value> trim(Budget& budget, const Value& input, const CallArguments& arguments) {
    const auto text = text_of(budget, input);
    return text ? budget.text(std::string(strip(*text, arguments.text(0, "chars", ""), true, true)))
                : text.error();
}

Result<Value> replace(Budget& budget, const Value& input, const CallArguments& arguments) {
    const auto text = text_of(budget, input);
    if (!text) {
        return text.error();
    }
    if (arguments.find(1, "new") == nullptr) {
        return invalid("replace needs what to replace, and by what");
    }
    const std::string old = arguments.text(0, "old", "");
    const std::string replacement = arguments.text(1, "new", "");
    return replace_text(budget, *text, {old, replacement}, arguments.integer(2, "count").value_or(-1));
}

Result<Value> indent(Budget& budget, const Value& input, const CallArguments& arguments) {
    if (auto checked = arguments.check("indent", {"width", "first", "blank"}); !checked) {
        return checked.error();
    }
    const auto text = text_of(budget, input);
    if (!text) {
        return text.error();
    }
    const Value* width = arguments.find(0, "width");
    std::string indentation(4, ' ');
    if (width != nullptr && width->string() != nullptr) {
        indentation = *width->string();
    } else if (const auto columns = arguments.integer(0, "width")) {
        indentation.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(*columns, 0, 1000)), ' ');
    }
    const bool blank = arguments.flag(2, "blank", false);
    std::string out = arguments.flag(1, "first", false) ? indentation : "";
    const std::string with_end = *text + "\n";
    const auto lines = split_lines(with_end);
    for (std::size_t i = 0; i < lines.size() && out.size() <= budget.bytes_max(); ++i) {
        if (i > 0) {
            out.append("\n").append(blank || !lines[i].empty() ? indentation : "");
        }
        out += lines[i];
    }
    return budget.text(std::move(out));
}

Result<Value> to_json_text(Budget& budget, const Value& input, const CallArguments& arguments) {
    constexpr std::int64_t kIndentMax = 32;
    if (auto checked = arguments.check("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
        !checked) {
        return checked.error();
    }
    if (auto charged = budget.charge_walk(input); !charged) {
        return charged.error();
    }
    JsonStyle style{
        .sort_keys = arguments.flag(3, "sort_keys", false),
        .ascii_only = arguments.flag(0, "ensure_ascii", false)
    };
    if (const auto columns = arguments.integer(1, "indent")) {
        style.indent = static_cast<int>(std::clamp<std::int64_t>(*columns, 0, kIndentMax));
        style.item_separator = ",";
    }
    const Value* separators = arguments.find(2, "separators");
    if (separators != nullptr && separators->list() != nullptr && separators->list()->items.size() == 2) {
        style.item_separator = to_text(separators->list()->items[0]);
        style.key_separator = to_text(separators->list()->items[1]);
    }
    auto json = to_json(input, style, budget.bytes_max());
    return json ? budget.text(std::move(*json)) : json.error();
}

Result<Value> to_integer(Budget& budget, const Value& input, const CallArguments& arguments) {
    const Value* otherwise = arguments.find(0, "default");
    const Value fallback = otherwise == nullptr ? Value(std::int64_t{0}) : *otherwise;
    if (input.is_undefined()) {
        return invalid(fmt::format("'{}' is undefined", input.as<Undefined>()->name));
    }
    double number = input.number();
    if (const std::string* string = input.string()) {
        const auto text = strip(*string, "", true, true);
        const char* end = text.data() + text.size();
        const char* begin = text.starts_with('+') ? text.data() + 1 : text.data();
        std::int64_t whole = 0;
        const auto base =
            static_cast<int>(std::clamp<std::int64_t>(arguments.integer(1, "base").value_or(10), 2, 36));
        if (const auto read = std::from_chars(begin, end, whole, base);
            read.ec == std::errc() && read.ptr == end) {
            return Value(whole);
        }
        if (const auto read = std::from_chars(begin, end, number);
            read.ec != std::errc() || read.ptr != end) {
            return fallback;
        }
    } else if (input.integer() != nullptr) {
        return input;
    } else if (!input.is_number()) {
        return fallback;
    }
    constexpr double kIntegerEnd = 9.2e18;
    static_cast<void>(budget);
    return std::abs(number) < kIntegerEnd ? Value(static_cast<std::int64_t>(number)) : fallback;
}

Result<Value> to_float(Budget&, const Value& input, const CallArguments& arguments) {
    const Value* otherwise = arguments.find(0, "default");
    const Value fallback = otherwise == nullptr ? Value(0.0) : *otherwise;
    if (input.is_number()) {
        return Value(input.number());
    }
    if (const std::string* string = input.string()) {
        const auto text = strip(*string, "", true, true);
        const char* begin = text.starts_with('+') ? text.data() + 1 : text.data();
        double number = 0;
        const auto read = std::from_chars(begin, text.data() + text.size(), number);
        const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
        return whole ? Value(number) : fallback;
    }
    return fallback;
}

Result<Value> absolute(Budget&, const Value& input, const CallArguments&) {
    if (!input.is_number()) {
        return invalid(fmt::format("abs is not supported for {}", input.type()));
    }
    return input.number() < 0 ? apply_unary(UnaryOperator::kMinus, input) : Result<Value>(input);
}

Result<Value> round_number(Budget& budget, const Value& input, const CallArguments& arguments) {
    constexpr std::int64_t kDigitsMax = 15;
    if (!input.is_number()) {
        return invalid(fmt::format("round is not supported for {}", input.type()));
    }
    const auto digits =
        std::clamp<std::int64_t>(arguments.integer(0, "precision").value_or(0), -kDigitsMax, kDigitsMax);
    const std::string method = arguments.text(1, "method", "common");
    const double scale = std::pow(10.0, static_cast<double>(digits));
    const double number = input.number();
    if (method == "ceil") {
        return Value(std::ceil(number * scale) / scale);
    }
    if (method == "floor") {
        return Value(std::floor(number * scale) / scale);
    }
    if (method != "common") {
        return invalid("round: the method is common, ceil or floor");
    }
    if (input.as<double>() == nullptr && digits >= 0) {  // Whole already, and stays a whole number.
        return apply_binary(budget, BinaryOperator::kAdd, input, Value(std::int64_t{0}));
    }
    if (digits <= 0 || std::abs(number) > 1e15) {
        return Value(std::nearbyint(number * scale) / scale);
    }
    // Python rounds the exact decimal value, half to even, and so does printing.
    const std::string text = fmt::format("{:.{}f}", number, digits);
    double rounded = number;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return Value(rounded);
}

Result<Value> length(Budget& budget, const Value& input, const CallArguments&) {
    if (const List* list = input.list()) {
        return Value(static_cast<std::int64_t>(list->items.size()));
    }
    if (const Dict* dict = input.dict()) {
        return Value(static_cast<std::int64_t>(dict->members.size()));
    }
    if (const std::string* text = input.string()) {
        if (auto charged = budget.charge_walk(input); !charged) {
            return charged.error();
        }
        return Value(static_cast<std::int64_t>(count_characters(*text)));
    }
    if (input.is_undefined()) {
        return Value(std::int64_t{0});
    }
    return invalid(fmt::format("{} has no length", input.type()));
}

Result<Value> or_default(Budget&, const Value& input, const CallArguments& arguments) {
    const bool replaces = input.is_undefined() || (arguments.flag(1, "boolean", false) && !input.truth());
    const Value* otherwise = arguments.find(0, "default_value");
    return !replaces ? input : otherwise == nullptr ? Value(std::string()) : *otherwise;
}

const std::map<std::string_view, Filter> kFilters = {
    {"abs", absolute},
    {"capitalize", change_text<capitalize>},
    {"count", length},
    {"d", or_default},
    {"default", or_default},
    {"e", change_text<escape_html>},
    {"escape", change_text<escape_html>},
    {"float", to_float},
    {"indent", indent},
    {"int", to_integer},
    {"length", length},
    {"lower", change_text<lower>},
    {"replace", replace},
    {"round", round_number},
    {"safe", change_text<same>},
    {"string", change_text<same>},
    {"title", change_text<title_words>},
    {"tojson", to_json_text},
    {"trim", trim},
    {"upper", change_text<upper>},
};

}  // namespace

Filter find_text_filter(std::string_view name) {
    const auto at = kFilters.find(name);
    return at == kFilters.end() ? nullptr : at->second;
}

Filter find_filter(std::string_view name) {
    const Filter filter = find_text_filter(name);
    return filter != nullptr ? filter : find_list_filter(name);
}

CallArguments without_first(const CallArguments& arguments, std::size_t count) {
    CallArguments rest = arguments;
    const auto taken = static_cast<std::ptrdiff_t>(std::min(count, rest.positional.size()));
    rest.positional.erase(rest.positional.begin(), rest.positional.begin() + taken);
    return rest;
}

}  // namespace capstan::text::jinja
