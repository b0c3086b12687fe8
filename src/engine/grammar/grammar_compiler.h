#pragma once

// From what a caller asks for to a grammar for one model's vocabulary.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "engine/grammar/compiled_grammar.h"
#include "engine/grammar/grammar_cache.h"
#include "engine/grammar/tool_grammar.h"
#include "llm/message.h"
#include "text/tokenizer.h"

namespace capstan::engine {

// What each token adds to a text. Special tokens, and those that no text of their own, are left out. Where a
// tokenizer does more than write bytes (SentencePiece's), a token's text is what it adds behind a letter.
// Of special tokens, those with a text of `shown` are in: marks of tool calls.
TokenBytes token_bytes(
    const text::Tokenizer& tokenizer,
    std::vector<llm::TokenId> end_tokens,
    std::span<const std::string_view> shown = {}
);

// Thread-safe.
class GrammarCompiler {
public:
    // `cache` outlives it, and has no grammars of another vocabulary that constraints of the same kind made.
    GrammarCompiler(TokenBytes tokens, GrammarCache& cache)
        : trie_(std::make_shared<const TokenTrie>(std::move(tokens))), cache_(cache) {}

    // Null for Constraint::Kind::kNone. kInvalid and kTooLarge name what is wrong and where. What the cache
    // still has costs nothing. Cost: milliseconds; at the limits, up to a second.
    Result<std::shared_ptr<const CompiledGrammar>> compile(const llm::Constraint& constraint);

    // tool_grammar.h, in the same way. The tokens should have those of text::tool_call_signs.
    Result<std::shared_ptr<const CompiledGrammar>> compile(const ToolGrammarOptions& options);

    static constexpr std::size_t kChoicesMax = 10'000;

private:
    Result<std::shared_ptr<const CompiledGrammar>> compile(
        std::string key, const std::function<Result<Grammar>()>& make
    );

    std::shared_ptr<const TokenTrie> trie_;  // Shared with the grammars, which may outlive this.
    GrammarCache& cache_;
};

// The grammar itself, of any kind but kNone.
Result<Grammar> parse_constraint(const llm::Constraint& constraint);

}  // namespace capstan::engine
