#pragma once

// A TOML document as a flat list of keys and values: the one door of toml++.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::config {

struct TomlEntry {
    std::string key;  // "http.port" for `port` in [http]; a part that is no bare word stands in quotes.
    Json value;       // Dates are null: no setting is one. An empty table is an empty object.
    int line = 0;     // From 1.
    bool is_empty_table = false;
};

// In the order of the keys. kInvalid for what is no TOML; its message begins with the line: "3: …".
Result<std::vector<TomlEntry>> parse_toml(std::string_view text);

// A boolean, number, string or array of these, as TOML writes it.
std::string toml_text(const Json& value);

}  // namespace capstan::config
