#pragma once

// What it means for an answer that a caller gave tools and said which to call.

#include <optional>

#include "base/result.h"
#include "llm/message.h"
#include "text/tool_call_format.h"

namespace capstan::engine {

// Who may call tools: a request with some, unless it said none.
bool may_call_tools(const llm::GenerateRequest& request);

// What the answer must be so that the tool is called that the caller asked for: the arguments' schema for a
// named one; for any, an array of calls. The request's own constraint when it is free to call none. kInvalid
// when both ask for something.
Result<llm::Constraint> constraint_of(const llm::GenerateRequest& request);

// The caller left the choice to the model, and gave a tool whose arguments must follow its schema
// (`strict`): calls within the text are held to what the tools are. With a constraint, the answer is that.
bool holds_free_calls(const llm::GenerateRequest& request);

// How calls are written in the answer. `model` is the model's own way. kInvalid for tools that the model
// could not be told of.
Result<text::ToolCallFormat> tool_format_of(const llm::GenerateRequest& request, text::ToolCallFormat model);

}  // namespace capstan::engine
