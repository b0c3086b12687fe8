// Parses and renders the input as a chat template.

#include <string>
#include <string_view>

#include "base/check.h"
#include "text/jinja.h"

namespace {

const capstan::Json& conversation() {
    static const capstan::Json made = *capstan::parse_json(R"({
        "messages": [{"role": "user", "content": "Grüezi <b>"}, {"role": "assistant", "content": "", "tool_calls":
            [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1, "b": [1.5, null, true]}}}]}],
        "tools": [{"type": "function", "function": {"name": "f"}}], "bos_token": "<s>", "add_generation_prompt": true,
        "n": 7, "numbers": [3, 1, 2], "word": "straße"})");
    return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = capstan::text::Template::parse({reinterpret_cast<const char*>(data), size});
    if (!parsed) {
        CHECK(!parsed.error().message.empty(), "an error says what is wrong");
        return 0;
    }
    constexpr capstan::text::RenderLimits kLimits{.output_bytes = 1 << 16, .steps = 20'000};
    const auto text = capstan::text::render(*parsed, conversation(), kLimits);
    CHECK(!text || text->size() <= kLimits.output_bytes, "the output is within its limit");
    return 0;
}
