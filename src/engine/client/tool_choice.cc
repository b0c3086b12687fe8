#include "engine/client/tool_choice.h"

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace capstan::engine {
namespace {

using Kind = llm::ToolChoice::Kind;

Json schema_of(const llm::Tool& tool) {
    if (tool.parameters.empty()) {
        return Json::object({{"type", "object"}});
    }
    return parse_json(tool.parameters).value_or(Json::object());
}

// Definitions come to the front: references name them from the root.
void hoist(Json& root, const Json& schema) {
    for (const char* name : {"$defs", "definitions"}) {
        const auto* members = schema[name].as_object();
        if (members == nullptr) {
            continue;
        }
        Json all = root[name].is_object() ? root[name] : Json::object();
        for (const auto& [key, value] : *members) {
            all.set(key, value);
        }
        root.set(name, std::move(all));
    }
}

Json calls_schema(const llm::GenerateRequest& request) {
    Json root = Json::object({{"type", "array"}, {"minItems", 1}});
    if (!request.parallel_tool_calls) {
        root.set("maxItems", 1);
    }
    Json calls = Json::array();
    for (const llm::Tool& tool : request.tools) {
        Json schema = schema_of(tool);
        hoist(root, schema);
        calls.push(Json::object(
            {{"type", "object"},
             {"properties",
              Json::object({{"name", Json::object({{"const", tool.name}})}, {"arguments", std::move(schema)}})
             },
             {"required", Json::array({"name", "arguments"})},
             {"additionalProperties", false}}
        ));
    }
    root.set("items", Json::object({{"anyOf", std::move(calls)}}));
    return root;
}

}  // namespace

bool may_call_tools(const llm::GenerateRequest& request) {
    return !request.tools.empty() && request.tool_choice.kind != Kind::kNone;
}

bool holds_free_calls(const llm::GenerateRequest& request) {
    return may_call_tools(request) && request.tool_choice.kind == Kind::kAuto &&
           request.constraint.kind == llm::Constraint::Kind::kNone &&
           std::ranges::any_of(request.tools, &llm::Tool::is_strict);
}

Result<llm::Constraint> constraint_of(const llm::GenerateRequest& request) {
    const Kind kind = request.tool_choice.kind;
    if (!may_call_tools(request) || kind == Kind::kAuto) {
        return request.constraint;
    }
    if (request.constraint.kind != llm::Constraint::Kind::kNone) {
        return Error{
            ErrorCode::kInvalid, "an answer that must call a tool cannot have a 'response_format' as well"
        };
    }
    if (kind == Kind::kRequired) {
        return llm::Constraint{
            .kind = llm::Constraint::Kind::kJsonSchema, .text = calls_schema(request).dump()
        };
    }
    for (const llm::Tool& tool : request.tools) {
        if (tool.name == request.tool_choice.name) {
            return llm::Constraint{
                .kind = llm::Constraint::Kind::kJsonSchema, .text = schema_of(tool).dump()
            };
        }
    }
    return Error{ErrorCode::kInvalid, "there is no tool '" + request.tool_choice.name + "'"};
}

Result<text::ToolCallFormat> tool_format_of(const llm::GenerateRequest& request, text::ToolCallFormat model) {
    if (!may_call_tools(request)) {
        return text::ToolCallFormat::kNone;
    }
    if (model == text::ToolCallFormat::kNone) {
        return Error{ErrorCode::kInvalid, "'tools': this model's chat template knows no tools"};
    }
    return request.tool_choice.kind == Kind::kAuto ? model : text::ToolCallFormat::kJson;
}

}  // namespace capstan::engine
