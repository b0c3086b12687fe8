#pragma once

// For *_fuzz.cc only: what fuzzers of grammars do with a text from outside.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/check.h"
#include "engine/grammar/grammar_compiler.h"

namespace capstan::engine {

// Compiles the text and, when it is a grammar, takes a few of the tokens that it allows, as `choices` say (at
// least one): no crash, and what compiles lets something come, or says why not.
inline void compile_and_walk(
    llm::Constraint::Kind kind, std::string text, std::span<const std::uint8_t> choices
) {
    static GrammarCache cache;
    static const auto vocabulary = [] {
        TokenBytes bytes = {.texts = {""}, .end_tokens = {0}};
        for (int byte = 0; byte < 256; ++byte) {
            bytes.texts.emplace_back(1, static_cast<char>(byte));
        }
        bytes.texts.insert(bytes.texts.end(), {"ab", "\": ", "{\"", "\xC3", "\xE2\x82", "123"});
        return bytes;
    }();
    static GrammarCompiler compiler(vocabulary, cache);
    const auto grammar = compiler.compile({.kind = kind, .text = std::move(text)});
    if (!grammar) {
        CHECK(!grammar.error().message.empty(), "a refusal says why");
        return;
    }
    const auto constraint = (*grammar)->start();
    for (std::size_t step = 0; step < 8 && !constraint->must_end(); ++step) {
        const auto allowed = constraint->allowed();
        if (!allowed) {
            break;
        }
        const auto& tokens = (*allowed)->tokens;
        const auto accepted = constraint->accept(tokens[choices[step % choices.size()] % tokens.size()]);
        CHECK(accepted || accepted.error().code == ErrorCode::kTooLarge, "what is allowed is accepted");
    }
}

}  // namespace capstan::engine
