#pragma once

// How families of models write calls of tools: all of them JSON within marks, or JSON instead of an answer.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace capstan::text {

enum class ToolCallFormat {
    kNone,     // All is text.
    kHermes,   // <tool_call>{"name": …, "arguments": …}</tool_call>, as Qwen and Hermes write.
    kLlama3,   // {"name": …, "parameters": …}, alone or behind <|python_tag|>.
    kMistral,  // [TOOL_CALLS][{"name": …, "arguments": …}, …], or [TOOL_CALLS]name[ARGS]{…}.
    kPhi,      // <|tool_call|>[{"name": …, "arguments": …}, …]<|/tool_call|>
    kJson,  // An object or an array of objects with a name and arguments (or parameters), and nothing else.
};

// "none", "hermes", "qwen", "llama3", "llama3_json", "mistral", "phi" and "json".
std::optional<ToolCallFormat> tool_call_format_named(std::string_view name);

// By the marks that a model's chat template writes; kJson for one that names tools and has none of them,
// kNone for one that knows no tools.
ToolCallFormat tool_call_format_of(std::string_view chat_template);

struct ToolCallMarks {
    std::string_view open;   // Empty: calls have none.
    std::string_view close;  // Empty: calls end where their JSON does.
};

ToolCallMarks tool_call_marks(ToolCallFormat format);

// All texts that a format gives a meaning. Some are special tokens, which decoding leaves out: show them
// (StreamDecoder::show).
std::vector<std::string_view> tool_call_signs(ToolCallFormat format);

}  // namespace capstan::text
