// Any bytes as a JSON schema: no crash, in bounded time; and what compiles lets something come, or says why
// not.

#include "engine/grammar/grammar_fuzz_kit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan;
    if (size == 0 || size > 4096) {
        return 0;
    }
    engine::compile_and_walk(
        llm::Constraint::Kind::kJsonSchema,
        std::string(reinterpret_cast<const char*>(data), size),
        {data, size}
    );
    return 0;
}
