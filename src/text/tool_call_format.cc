#include "text/tool_call_format.h"

#include <array>
#include <utility>

namespace capstan::text {

std::optional<ToolCallFormat> tool_call_format_named(std::string_view name) {
    constexpr auto kNames = std::to_array<std::pair<std::string_view, ToolCallFormat>>(
        {{"none", ToolCallFormat::kNone},
         {"hermes", ToolCallFormat::kHermes},
         {"qwen", ToolCallFormat::kHermes},
         {"llama3", ToolCallFormat::kLlama3},
         {"llama3_json", ToolCallFormat::kLlama3},
         {"mistral", ToolCallFormat::kMistral},
         {"phi", ToolCallFormat::kPhi},
         {"json", ToolCallFormat::kJson}}
    );
    for (const auto& [known, format] : kNames) {
        if (known == name) {
            return format;
        }
    }
    return std::nullopt;
}

ToolCallFormat tool_call_format_of(std::string_view chat_template) {
    for (const auto format :
         {ToolCallFormat::kHermes, ToolCallFormat::kMistral, ToolCallFormat::kPhi, ToolCallFormat::kLlama3}) {
        if (chat_template.contains(tool_call_marks(format).open)) {
            return format;
        }
    }
    if (!chat_template.contains("tools")) {
        return ToolCallFormat::kNone;
    }
    // Llama 3.2's template names no mark.
    const bool is_llama = chat_template.contains("<|start_header_id|>");
    return is_llama ? ToolCallFormat::kLlama3 : ToolCallFormat::kJson;
}

ToolCallMarks tool_call_marks(ToolCallFormat format) {
    switch (format) {
        case ToolCallFormat::kHermes:
            return {.open = "<tool_call>", .close = "</tool_call>"};
        case ToolCallFormat::kLlama3:
            return {.open = "<|python_tag|>", .close = ""};
        case ToolCallFormat::kMistral:
            return {.open = "[TOOL_CALLS]", .close = ""};
        case ToolCallFormat::kPhi:
            return {.open = "<|tool_call|>", .close = "<|/tool_call|>"};
        default:
            return {};
    }
}

std::vector<std::string_view> tool_call_signs(ToolCallFormat format) {
    const ToolCallMarks marks = tool_call_marks(format);
    std::vector<std::string_view> signs;
    for (const std::string_view mark : {marks.open, marks.close}) {
        if (!mark.empty()) {
            signs.push_back(mark);
        }
    }
    if (format == ToolCallFormat::kMistral) {
        signs.insert(signs.end(), {"[ARGS]", "[CALL_ID]"});
    }
    return signs;
}

}  // namespace capstan::text
