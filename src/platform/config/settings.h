#pragma once

// Settings: which keys there are, what they may be, where each value came from.
//
// A room declares its fields once, bound to the members of its struct, whose values are the defaults:
//
//     void describe(config::Settings& settings, HttpSettings& http) {
//         settings.text("http.address", http.address, {.help = "Address to listen on"});
//         settings.integer("http.port", http.port, {.help = "TCP port; 0 picks one", .min = 0, .max =
//         65535}); settings.text("s3.secret_key", http.key, {.help = "Of the bucket", .is_secret = true});
//     }
//
// `load` then merges one TOML file < CAPSTAN_* environment < flags. "http.port" is `port` in the table
// [http], CAPSTAN_HTTP_PORT in the environment, and --set http.port=8080 on the command line.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::config {

struct BooleanRules {
    std::string_view help = {};
};

struct IntegerRules {
    std::string_view help = {};
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct NumberRules {
    std::string_view help = {};
    double min = std::numeric_limits<double>::lowest();
    double max = std::numeric_limits<double>::max();
};

struct TextRules {
    std::string_view help = {};
    bool is_secret = false;                          // Shown as ***.
    std::size_t bytes_max = std::size_t{64} * 1024;  // Of a list: of each item.
};

// A file as the loader reads it; `name` stands in messages.
struct ConfigFile {
    std::string name;
    std::string text;
};

// One value from the command line: "--set http.port=8080", or a named flag that the CLI maps to a key.
struct Assignment {
    std::string key;
    std::string value;
    std::string flag;  // As the user wrote it, such as "--port"; for messages.
};

struct Sources {
    std::optional<ConfigFile> file = {};
    std::vector<std::pair<std::string, std::string>> environment = {};  // Names that begin with CAPSTAN_.
    std::vector<Assignment> flags = {};                                 // The last of one key wins.
};

class Settings {
public:
    // Each declares one field. The target's value is the default; it must outlive this object's use. A key is
    // lower-case words of a-z, 0-9 and '_', joined by '.'; declared twice is a broken invariant.
    void boolean(std::string_view key, bool& target, BooleanRules rules);
    void number(std::string_view key, double& target, NumberRules rules);
    void text(std::string_view key, std::string& target, TextRules rules);
    void path(std::string_view key, std::filesystem::path& target, TextRules rules);
    // An array of strings in the file; items separated by commas elsewhere.
    void list(std::string_view key, std::vector<std::string>& target, TextRules rules);

    template <typename Integer>
        requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>)
    void integer(std::string_view key, Integer& target, IntegerRules rules) {
        rules.min = std::max(rules.min, clamped(std::numeric_limits<Integer>::min()));
        rules.max = std::min(rules.max, clamped(std::numeric_limits<Integer>::max()));
        add_integer(key, rules, Json(clamped(target)), [&target](const Json& value) {
            target = static_cast<Integer>(*value.as_int());
        });
    }

    // One of a few words, each standing for a value of an enumeration (or of any copyable type).
    template <typename Value>
    void choice(
        std::string_view key,
        Value& target,
        std::string_view help,
        std::vector<std::pair<std::string, Value>> choices
    ) {
        std::vector<std::string> words;
        std::string word;
        for (const auto& [name, value] : choices) {
            words.push_back(name);
            word = value == target ? name : word;
        }
        add_choice(key, help, std::move(words), word, [&target, choices](const Json& value) {
            for (const auto& [name, chosen] : choices) {
                if (name == *value.as_string()) {
                    target = chosen;
                }
            }
        });
    }

    // A CAPSTAN_* variable that is no setting but known, such as CAPSTAN_CONFIG.
    void allow_variable(std::string_view name) { allowed_variables_.emplace_back(name); }

    // Sets every target from the sources, or none. kInvalid with one line for each thing that is wrong:
    // unknown keys (with the nearest known one), wrong types, values out of range, each with file:line,
    // variable or flag.
    Result<void> load(const Sources& sources);

    // What is in force: [{"key", "value", "source", "default", "type", "variable", "help"}], in the order of
    // declaration. Secrets that are set show as "***". `source` is "default", "capstan.toml:12",
    // "CAPSTAN_HTTP_PORT" or "--port".
    Json describe() const;

    // A file with every key at its default, in comments, with the help above it: to start one's own from.
    std::string example_file() const;

private:
    struct Field {
        std::string key;
        std::string variable;
        std::string type;  // "boolean", "integer", "number", "text", "list"; or the choices.
        std::string help;
        bool is_secret = false;
        Json initial;
        Json value;
        std::string source = "default";
        // The value in this field's own type, or why not (a clause such as "must be an integer").
        std::function<Result<Json>(const Json&)> from_json;
        std::function<Result<Json>(std::string_view)> from_text;
        std::function<void(const Json&)> assign;
    };

    struct Staged {
        Field* field;
        Json value;
        std::string source;
    };

    struct Merge;  // What `load` has found so far.

    template <typename Integer>
    static std::int64_t clamped(Integer value) {
        constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
        return std::cmp_greater(value, kMax) ? kMax : static_cast<std::int64_t>(value);
    }

    void add(Field field);
    void add_integer(
        std::string_view key, IntegerRules rules, Json initial, std::function<void(const Json&)> assign
    );
    void add_choice(
        std::string_view key,
        std::string_view help,
        std::vector<std::string> words,
        std::string_view initial,
        std::function<void(const Json&)> assign
    );
    Field* find(std::string_view key);
    void merge_file(const ConfigFile& file, Merge& merge);
    void merge_environment(const Sources& sources, Merge& merge);
    void merge_flags(const Sources& sources, Merge& merge);
    std::string unknown_key(std::string_view key) const;
    std::string unknown_variable(std::string_view name) const;

    std::vector<Field> fields_;
    std::vector<std::string> allowed_variables_;
};

// Reads the file at `path`; kTooLarge over 1 MiB.
Result<ConfigFile> read_config_file(const std::filesystem::path& path);

// "http.port=8080" as the argument of `flag`. kInvalid when there is no '='.
Result<Assignment> parse_assignment(std::string_view text, std::string_view flag = "--set");

// The variables of this process whose names begin with CAPSTAN_.
std::vector<std::pair<std::string, std::string>> capstan_environment();

}  // namespace capstan::config
