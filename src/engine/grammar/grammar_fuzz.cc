// Any bytes as an EBNF grammar (first byte even) or a regular expression (odd): no crash, in bounded time;
// and what compiles lets something come, or says why not.

#include "engine/grammar/grammar_fuzz_kit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan;
    if (size == 0 || size > 4096) {
        return 0;
    }
    const auto kind = data[0] % 2 == 0 ? llm::Constraint::Kind::kGrammar : llm::Constraint::Kind::kRegex;
    engine::compile_and_walk(
        kind, std::string(reinterpret_cast<const char*>(data) + 1, size - 1), {data, size}
    );
    return 0;
}
