// What an answer must look like, and which tools it may call, as OpenAI's requests say it, and vLLM's
// ("guided_json", "structured_outputs").

#include <algorithm>
#include <array>

#include "llm/openai_reader.h"

namespace capstan::llm {
namespace {

constexpr std::size_t kToolsMax = 128;
constexpr std::size_t kChoicesMax = 1024;
constexpr std::size_t kNameBytesMax = 64;

// A schema, given as an object or, as some clients of vLLM do, as text.
std::string schema_text(Reader& reader, const Json& schema, std::string_view name) {
    if (schema.is_object() || schema.is_bool()) {
        return schema.dump();
    }
    if (const auto* text = schema.as_string()) {
        if (const auto parsed = parse_json(*text); parsed && parsed->is_object()) {
            return parsed->dump();
        }
    }
    reader.fail(fmt::format("'{}' must be a JSON schema", name));
    return "{}";
}

std::string text_of(Reader& reader, const Json& json, std::string_view name) {
    if (const auto* text = json.as_string(); text != nullptr && !text->empty()) {
        return *text;
    }
    reader.fail(fmt::format("'{}' must be a text", name));
    return {};
}

std::vector<std::string> choices_of(Reader& reader, const Json& json, std::string_view name) {
    std::vector<std::string> choices;
    const auto* items = json.as_array();
    for (std::size_t i = 0; items != nullptr && i < std::min(items->size(), kChoicesMax); ++i) {
        if (const auto* text = (*items)[i].as_string(); text != nullptr && !text->empty()) {
            choices.push_back(*text);
        }
    }
    if (choices.empty() || choices.size() != items->size()) {
        reader.fail(fmt::format("'{}' must be a list of 1 to {} texts", name, kChoicesMax));
    }
    return choices;
}

Constraint response_format(Reader& reader, const Json& format) {
    const std::string type = format.string_or("type", "");
    if (type == "text") {
        return {};
    }
    if (type == "json_object") {
        return {.kind = Constraint::Kind::kJsonObject};
    }
    if (type != "json_schema") {
        reader.fail("'response_format.type' must be text, json_object or json_schema");
        return {};
    }
    const Json& holder = format["json_schema"];
    if (holder.contains("schema")) {
        return {
            .kind = Constraint::Kind::kJsonSchema,
            .text = schema_text(reader, holder["schema"], "response_format.json_schema.schema")
        };
    }
    reader.fail("'response_format.json_schema.schema' is missing");
    return {};
}

// One of vLLM's ways to say it: json, regex, grammar, choice; `json` is not null.
Constraint guided(Reader& reader, std::string_view kind, const Json& json, std::string_view name) {
    if (kind == "json") {
        return {.kind = Constraint::Kind::kJsonSchema, .text = schema_text(reader, json, name)};
    }
    if (kind == "regex") {
        return {.kind = Constraint::Kind::kRegex, .text = text_of(reader, json, name)};
    }
    if (kind == "grammar") {
        return {.kind = Constraint::Kind::kGrammar, .text = text_of(reader, json, name)};
    }
    return {.kind = Constraint::Kind::kChoice, .choices = choices_of(reader, json, name)};
}

Tool read_tool(Reader& reader, const Json& item, std::size_t index) {
    const Json& function = item["function"];
    const std::string name = function.string_or("name", "");
    const bool is_name =
        !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-' || c == '.';
        });
    if (item.string_or("type", "function") != "function" || !is_name) {
        reader.fail(fmt::format(
            "'tools[{}]' must be a function with a name of 1 to {} letters, digits, '_', '-' or '.'",
            index,
            kNameBytesMax
        ));
    }
    const Json& parameters = function["parameters"];
    if (!parameters.is_null() && !parameters.is_object()) {
        reader.fail(fmt::format("'tools[{}].function.parameters' must be a JSON schema", index));
    }
    return {
        .name = name,
        .description = function.string_or("description", ""),
        .parameters = parameters.is_object() ? parameters.dump() : std::string(),
        .is_strict = function.bool_or("strict", false)
    };
}

}  // namespace

Constraint read_constraint(Reader& reader) {
    std::vector<Constraint> found;
    if (const Json& format = reader["response_format"]; !format.is_null()) {
        if (auto constraint = response_format(reader, format); constraint.kind != Constraint::Kind::kNone) {
            found.push_back(std::move(constraint));
        }
    }
    for (const char* kind : {"json", "regex", "grammar", "choice"}) {
        const std::string name = fmt::format("guided_{}", kind);
        if (const Json& json = reader[name]; !json.is_null()) {
            found.push_back(guided(reader, kind, json, name));
        }
        if (const Json& json = reader["structured_outputs"][kind]; !json.is_null()) {
            found.push_back(guided(reader, kind, json, fmt::format("structured_outputs.{}", kind)));
        }
    }
    if (reader["structured_outputs"].bool_or("json_object", false)) {
        found.push_back({.kind = Constraint::Kind::kJsonObject});
    }
    if (found.size() > 1) {
        reader.fail("an answer can have one constraint: choose one of 'response_format' and 'guided_…'");
    }
    return found.empty() ? Constraint() : std::move(found.front());
}

std::vector<Tool> read_tools(Reader& reader) {
    const Json& json = reader["tools"];
    const auto* items = json.as_array();
    if (!json.is_null() && (items == nullptr || items->size() > kToolsMax)) {
        reader.fail(fmt::format("'tools' must be a list of at most {} functions", kToolsMax));
        return {};
    }
    std::vector<Tool> tools;
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        tools.push_back(read_tool(reader, (*items)[i], i));
        if (std::ranges::count(tools, tools.back().name, &Tool::name) > 1) {
            reader.fail(fmt::format("'tools' has two functions called '{}'", tools.back().name));
        }
    }
    return tools;
}

ToolChoice read_tool_choice(Reader& reader, const std::vector<Tool>& tools) {
    const Json& json = reader["tool_choice"];
    if (json.is_null()) {
        return {};
    }
    const auto* word = json.as_string();
    const std::string name = word != nullptr ? *word : json["function"].string_or("name", "");
    ToolChoice choice;
    if (word != nullptr && name == "none") {
        choice.kind = ToolChoice::Kind::kNone;
    } else if (word != nullptr && name == "required") {
        choice.kind = ToolChoice::Kind::kRequired;
    } else if (word == nullptr && std::ranges::find(tools, name, &Tool::name) != tools.end()) {
        choice = {.kind = ToolChoice::Kind::kNamed, .name = name};
    } else if (word == nullptr || name != "auto") {
        reader.fail("'tool_choice' must be none, auto, required, or name a function of 'tools'");
    }
    if (tools.empty() && choice.kind == ToolChoice::Kind::kRequired) {
        reader.fail("'tool_choice' asks for a call, but there are no 'tools'");
    }
    return choice;
}

}  // namespace capstan::llm
