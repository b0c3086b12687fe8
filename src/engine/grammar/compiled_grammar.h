#pragma once

// A grammar made ready for a vocabulary.

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/token_constraint.h"
#include "engine/grammar/token_trie.h"

namespace capstan::engine {

inline constexpr std::size_t kMasksBytesMax = std::size_t{64} << 20;

// The trie is shared by all grammars of one vocabulary. Masks are found when they are first needed, and kept
// for every sequence that comes by again; once they are over `masks_bytes_max`, sequences that start begin
// with none, and the old ones go with the sequences that have them. The errors are build_automaton's.
Result<std::shared_ptr<const CompiledGrammar>> compile_grammar(
    const Grammar& grammar,
    std::shared_ptr<const TokenTrie> trie,
    std::size_t masks_bytes_max = kMasksBytesMax
);

}  // namespace capstan::engine
