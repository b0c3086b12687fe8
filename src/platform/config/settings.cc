#include "platform/config/settings.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "platform/config/closest.h"
#include "platform/config/toml_file.h"

namespace capstan::config {
namespace {

constexpr std::string_view kPrefix = "CAPSTAN_";
constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 20;

std::string variable_of(std::string_view key) {
    std::string name(kPrefix);
    for (const char c : key) {
        name += c == '.' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
    return name;
}

bool is_key(std::string_view key) {
    char before = '.';
    for (const char c : key) {
        const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!word && (c != '.' || before == '.')) {
            return false;
        }
        before = c;
    }
    return before != '.';
}

std::string did_you_mean(const std::string& nearest) {
    return nearest.empty() ? "; `capstan config` lists the keys" : "; did you mean '" + nearest + "'?";
}

}  // namespace

struct Settings::Merge {
    std::map<std::string_view, Staged> staged;  // By key; later sources replace earlier ones.
    std::vector<std::string> problems;

    void take(Field& field, Result<Json> value, std::string source) {
        if (value) {
            staged.insert_or_assign(field.key, Staged{&field, std::move(*value), std::move(source)});
        } else {
            problems.push_back(fmt::format("{}: '{}' {}", source, field.key, value.error().message));
        }
    }
};

void Settings::add(Field field) {
    CHECK(is_key(field.key), "a key is lower-case words joined by '.'");
    field.variable = variable_of(field.key);
    for (const Field& other : fields_) {
        CHECK(other.variable != field.variable, "two settings of one name");
        CHECK(!other.key.starts_with(field.key + "."), "a setting cannot also be a table");
        CHECK(!field.key.starts_with(other.key + "."), "a setting cannot also be a table");
    }
    field.value = field.initial;
    fields_.push_back(std::move(field));
}

Settings::Field* Settings::find(std::string_view key) {
    const auto found = std::ranges::find(fields_, key, &Field::key);
    return found == fields_.end() ? nullptr : &*found;
}

std::string Settings::unknown_key(std::string_view key) const {
    std::vector<std::string_view> known;
    known.reserve(fields_.size());
    for (const Field& field : fields_) {
        known.push_back(field.key);
    }
    return fmt::format("there is no setting '{}'{}", key, did_you_mean(closest(key, known)));
}

std::string Settings::unknown_variable(std::string_view name) const {
    std::vector<std::string_view> known(allowed_variables_.begin(), allowed_variables_.end());
    for (const Field& field : fields_) {
        known.push_back(field.variable);
    }
    return fmt::format("'{}' is no setting's variable{}", name, did_you_mean(closest(name, known)));
}

void Settings::merge_file(const ConfigFile& file, Merge& merge) {
    const auto entries = parse_toml(file.text);
    if (!entries) {
        merge.problems.push_back(fmt::format("{}:{}", file.name, entries.error().message));
        return;
    }
    for (const TomlEntry& entry : *entries) {
        const std::string where = fmt::format("{}:{}", file.name, entry.line);
        Field* field = find(entry.key);
        const bool is_table_of_settings =
            entry.is_empty_table && std::ranges::any_of(fields_, [&](const Field& other) {
                return other.key.starts_with(entry.key + ".");
            });
        if (is_table_of_settings) {
            continue;
        }
        if (field == nullptr) {
            merge.problems.push_back(where + ": " + unknown_key(entry.key));
        } else {
            merge.take(*field, field->from_json(entry.value), where);
        }
    }
}

void Settings::merge_environment(const Sources& sources, Merge& merge) {
    for (const auto& [name, value] : sources.environment) {
        if (!name.starts_with(kPrefix) ||
            std::ranges::find(allowed_variables_, name) != allowed_variables_.end()) {
            continue;
        }
        const auto field = std::ranges::find(fields_, name, &Field::variable);
        if (field == fields_.end()) {
            merge.problems.push_back(unknown_variable(name));
        } else {
            merge.take(*field, field->from_text(value), name);
        }
    }
}

void Settings::merge_flags(const Sources& sources, Merge& merge) {
    for (const Assignment& assignment : sources.flags) {
        if (Field* field = find(assignment.key)) {
            merge.take(*field, field->from_text(assignment.value), assignment.flag);
        } else {
            merge.problems.push_back(assignment.flag + ": " + unknown_key(assignment.key));
        }
    }
}

Result<void> Settings::load(const Sources& sources) {
    Merge merge;
    if (sources.file) {
        merge_file(*sources.file, merge);
    }
    merge_environment(sources, merge);
    merge_flags(sources, merge);
    if (!merge.problems.empty()) {
        return Error{ErrorCode::kInvalid, fmt::format("{}", fmt::join(merge.problems, "\n"))};
    }
    for (auto& [key, staged] : merge.staged) {
        staged.field->assign(staged.value);
        staged.field->value = std::move(staged.value);
        staged.field->source = std::move(staged.source);
    }
    return {};
}

Json Settings::describe() const {
    const auto shown = [](const Field& field, const Json& value) {
        const std::string* text = value.as_string();
        const auto* items = value.as_array();
        const bool is_set = (text != nullptr && !text->empty()) || (items != nullptr && !items->empty());
        return field.is_secret && is_set ? Json("***") : value;
    };
    Json list = Json::array();
    for (const Field& field : fields_) {
        list.push(Json::object(
            {{"key", field.key},
             {"value", shown(field, field.value)},
             {"source", field.source},
             {"default", shown(field, field.initial)},
             {"type", field.type},
             {"variable", field.variable},
             {"help", field.help}}
        ));
    }
    return list;
}

std::string Settings::example_file() const {
    std::map<std::string, std::string> tables;  // Keys without a table come first, as TOML wants.
    for (const Field& field : fields_) {
        const std::size_t dot = field.key.rfind('.');
        const std::string table = dot == std::string::npos ? "" : field.key.substr(0, dot);
        const std::string name = dot == std::string::npos ? field.key : field.key.substr(dot + 1);
        const std::string value = field.is_secret ? "\"\"" : toml_text(field.initial);
        tables[table] += fmt::format("\n# {} ({})\n#{} = {}\n", field.help, field.type, name, value);
    }
    std::string text = "# Capstan's settings, each at its default.\n";
    for (const auto& [table, lines] : tables) {
        text += table.empty() ? "" : fmt::format("\n[{}]", table);
        text += lines;
    }
    return text;
}

Result<ConfigFile> read_config_file(const std::filesystem::path& path) {
    auto text = read_file(path, kFileBytesMax);
    if (!text) {
        return text.error();
    }
    return ConfigFile{.name = path.string(), .text = std::move(*text)};
}

Result<Assignment> parse_assignment(std::string_view text, std::string_view flag) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("{} takes key=value, such as http.port=8080; got '{}'", flag, text.substr(0, 64))
        };
    }
    return Assignment{
        .key = std::string(text.substr(0, equals)),
        .value = std::string(text.substr(equals + 1)),
        .flag = std::string(flag)
    };
}

std::vector<std::pair<std::string, std::string>> capstan_environment() {
    std::vector<std::pair<std::string, std::string>> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (text.starts_with(kPrefix) && equals != std::string_view::npos) {
            variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

}  // namespace capstan::config
