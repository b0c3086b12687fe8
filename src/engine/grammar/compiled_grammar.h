#pragma once

// A grammar made ready for a vocabulary.

#include <memory>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/token_constraint.h"
#include "engine/grammar/token_trie.h"

namespace capstan::engine {

// The trie is shared by all grammars of one vocabulary. Masks are found when they are first needed, and kept
// for every sequence that comes by again, within TokenMasks' limits of memory. The errors are
// build_automaton's.
Result<std::shared_ptr<const CompiledGrammar>> compile_grammar(
    const Grammar& grammar, std::shared_ptr<const TokenTrie> trie
);

}  // namespace capstan::engine
