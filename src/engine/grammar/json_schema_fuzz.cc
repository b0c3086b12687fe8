// Any bytes as a JSON schema: no crash, in bounded time; and what compiles lets something come, or says why
// not.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "engine/grammar/grammar_compiler.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan;
    static engine::GrammarCompiler compiler([] {
        engine::TokenBytes tokens = {.texts = {""}, .end_tokens = {0}};
        for (int byte = 0; byte < 256; ++byte) {
            tokens.texts.emplace_back(1, static_cast<char>(byte));
        }
        tokens.texts.insert(tokens.texts.end(), {"ab", "\": ", "{\"", "\xC3", "\xE2\x82", "123"});
        return tokens;
    }());
    if (size == 0 || size > 4096) {
        return 0;
    }
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto kind = llm::Constraint::Kind::kJsonSchema;
    const auto grammar = compiler.compile({.kind = kind, .text = text});
    if (!grammar) {
        CHECK(!grammar.error().message.empty(), "a refusal says why");
        return 0;
    }
    const auto constraint = (*grammar)->start();
    for (std::size_t step = 0; step < 8 && !constraint->must_end(); ++step) {
        const auto allowed = constraint->allowed();
        if (!allowed) {
            break;
        }
        const auto& tokens = (*allowed)->tokens;
        const auto accepted = constraint->accept(tokens[data[step % size] % tokens.size()]);
        CHECK(accepted || accepted.error().code == ErrorCode::kTooLarge, "what is allowed is accepted");
    }
    return 0;
}
