#pragma once

// What the answers to requests must look like, as grammars for one model's vocabulary.

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/client/prompt_encoder.h"
#include "engine/grammar/grammar_cache.h"
#include "engine/grammar/grammar_compiler.h"
#include "llm/model_client.h"

namespace capstan::engine {

// Thread-safe.
class RequestGrammars {
public:
    // `encoder` outlives this. `cache_bytes_max` is GrammarCache's.
    RequestGrammars(
        const PromptEncoder& encoder, std::vector<llm::TokenId> end_tokens, std::size_t cache_bytes_max
    )
        : encoder_(encoder), end_tokens_(std::move(end_tokens)), cache_(cache_bytes_max) {}

    // Null when the answer is free. The errors are GrammarCompiler's.
    Result<std::shared_ptr<const CompiledGrammar>> grammar_of(const llm::GenerateRequest& request);

    void forget() { cache_.clear(); }

    std::size_t bytes() const { return cache_.bytes(); }  // That kept ones hold.

private:
    GrammarCompiler& of_answers();
    GrammarCompiler& of_tool_calls();

    const PromptEncoder& encoder_;
    std::vector<llm::TokenId> end_tokens_;
    GrammarCache cache_;  // Of both that follow: tools have keys of their own.
    // Made for the first request that needs it: the vocabulary's trie takes a while.
    std::once_flag answers_made_;
    std::unique_ptr<GrammarCompiler> answers_;
    // For calls of tools within text: their marks are tokens here.
    std::once_flag tool_calls_made_;
    std::unique_ptr<GrammarCompiler> tool_calls_;
};

}  // namespace capstan::engine
