// Reads the first byte as a format and the size of pieces, and the rest as an answer: however it is cut, it
// must come to the same, with indices in order.

#include <string>
#include <string_view>

#include "base/check.h"
#include "text/tool_call_parser.h"

namespace capstan::text {
namespace {

ParsedAnswer in_pieces(std::string_view answer, ToolCallFormat format, std::size_t bytes) {
    ParsedAnswer parsed;
    ToolCallParser parser({.format = format});
    const auto take = [&](const std::vector<ToolCallEvent>& events) {
        for (const ToolCallEvent& event : events) {
            if (event.kind == ToolCallEvent::Kind::kContent) {
                parsed.content += event.text;
            } else if (event.kind == ToolCallEvent::Kind::kCallBegin) {
                CHECK(event.index == parsed.calls.size(), "calls come in order");
                parsed.calls.push_back({.name = event.text, .arguments = ""});
            } else {
                CHECK(event.index + 1 == parsed.calls.size(), "arguments are the last call's");
                parsed.calls.back().arguments += event.text;
            }
        }
    };
    for (std::size_t at = 0; at < answer.size(); at += bytes) {
        take(parser.push(answer.substr(at, bytes)));
    }
    take(parser.finish());
    return parsed;
}

void run(std::string_view input) {
    if (input.empty()) {
        return;
    }
    const auto first = static_cast<unsigned char>(input.front());
    const auto format = static_cast<ToolCallFormat>(first % 6);
    const std::string_view answer = input.substr(1);
    const ParsedAnswer whole = parse_tool_calls(answer, {.format = format});
    const ParsedAnswer cut = in_pieces(answer, format, 1 + first / 6U);
    CHECK(whole.content == cut.content && whole.calls.size() == cut.calls.size(), "pieces do not matter");
    for (std::size_t i = 0; i < whole.calls.size(); ++i) {
        CHECK(whole.calls[i].name == cut.calls[i].name, "pieces do not matter to names");
        CHECK(whole.calls[i].arguments == cut.calls[i].arguments, "pieces do not matter to arguments");
    }
}

}  // namespace
}  // namespace capstan::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    capstan::text::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
